// Fails the build when the first page would load more than 150 kB of compressed JavaScript, or when
// something in it would be stopped by the content security policy.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 150_000;
const dist = new URL("../dist/", import.meta.url);
const html = readFileSync(new URL("index.html", dist), "utf8");
if (/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i.test(html)) {
  console.error("dist/index.html holds an inline script or style, which the content security policy forbids");
  process.exit(1);
}
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((m) => m[1]);
const size = (name) => gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length;
const loaded = first.reduce((sum, name) => sum + size(name), 0);
const all = readdirSync(new URL("assets/", dist)).filter((n) => n.endsWith(".js")).reduce((sum, n) => sum + size(`assets/${n}`), 0);
console.log(`first load ${(loaded / 1000).toFixed(1)} kB of JavaScript, compressed (limit ${LIMIT / 1000} kB); all pages ${(all / 1000).toFixed(1)} kB`);
if (loaded > LIMIT) process.exit(1);
