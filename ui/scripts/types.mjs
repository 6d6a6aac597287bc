// Makes src/api/schema.d.ts from the server's OpenAPI document; with --check only says whether it is up to date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../docs/reference/openapi.json", import.meta.url);
const target = new URL("../src/api/schema.d.ts", import.meta.url);
const head = "// Generated from docs/reference/openapi.json by `npm run types`. Do not edit.\n\n";
const text = head + astToString(await openapiTS(source, { alphabetize: true, emptyObjectsUnknown: true }));

if (process.argv.includes("--check")) {
  const have = existsSync(target) ? readFileSync(target, "utf8") : "";
  if (have !== text) {
    console.error("src/api/schema.d.ts is not what docs/reference/openapi.json says\nhint: npm run types");
    process.exit(1);
  }
  console.log("src/api/schema.d.ts is up to date");
} else {
  writeFileSync(target, text);
}
