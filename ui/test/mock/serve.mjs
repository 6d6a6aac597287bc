import { start } from "./server.mjs";

const { url } = await start({ port: Number(process.env.PORT ?? 0), empty: process.argv.includes("--empty") });
console.log(url);
