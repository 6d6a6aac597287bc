// What the tests of the console share: a real Chromium against a running server that has been through the demo.
//
//   TRIMTAB_URL=http://127.0.0.1:5000 npm --prefix ui run test:console
//
// TRIMTAB_CHROMIUM names the browser (default /usr/bin/chromium), TRIMTAB_TEST_OUTPUT the folder for screenshots.
// Without TRIMTAB_URL the made-up server of ui/test/mock answers, so that the console can be worked on alone.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

const ui = new URL("../../ui/package.json", import.meta.url);
const require = createRequire(ui);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const output = process.env.TRIMTAB_TEST_OUTPUT ?? fileURLToPath(new URL("../../test-output/console/", import.meta.url));
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export let url = process.env.TRIMTAB_URL?.replace(/\/+$/, "");
export let mock;
export let browser;

/** The browser and a server to look at: what else prepares a file of tests waits for them. */
export const ready = prepare();
before(() => ready);

async function prepare() {
  mkdirSync(output, { recursive: true });
  if (!url) {
    const { start } = await import(new URL("../../ui/test/mock/server.mjs", import.meta.url).href);
    mock = await start();
    url = mock.url;
  }
  browser = await chromium.launch({ executablePath: process.env.TRIMTAB_CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

after(async () => {
  await browser?.close();
  await mock?.close();
});

/** A fresh tab; whatever the page complains about fails the test that holds it. */
export async function open(path, { scheme = "light", width = 1400, height = 900 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("requestfailed", (request) => {
    // Leaving a page ends the stream and the requests under way.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") errors.push(`${request.url()} ${request.failure()?.errorText}`);
  });
  await page.goto(url + path);
  return { page, errors, close: () => context.close() };
}

/** A picture of the page, whole unless it is very long. */
export async function shot(page, name, fullPage = true) {
  await page.screenshot({ path: `${output}/${name}.png`, fullPage });
}

/** No violation of WCAG 2 A and AA on what is on the screen; of many like rows the first few stand for all. */
export async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ include: ["html"], exclude: ["g[role=row]:nth-of-type(n + 4)", "tbody tr:nth-of-type(n + 12)", "[data-run]:nth-of-type(n + 6)"] }, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const told = violations.map((v) => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join("; ")})`);
  assert.deepEqual(told, [], `${name} has accessibility violations`);
}

export async function api(path) {
  const response = await fetch(`${url}/api/v1/${path}`, { headers: { accept: "application/json" } });
  assert.equal(response.status, 200, path);
  return response.json();
}

/** The first chart holds a line, and its legend the last value. */
export async function drawn(page) {
  await page.waitForFunction(() => {
    const canvas = document.querySelector("[data-metric] canvas");
    const said = document.querySelector("[data-metric] .u-series:nth-child(2) .u-value")?.textContent ?? "–";
    if (!canvas || said === "–") return false;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data, width } = copy.getImageData(0, 0, canvas.width, canvas.height);
    // The grid is grey: the line is what has a colour, across most of the width.
    const columns = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 40) columns.add((i / 4) % width);
    return columns.size > width / 2;
  });
}

