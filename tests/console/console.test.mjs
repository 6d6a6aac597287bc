// The console in a real Chromium against a running server that has been through the demo.
//
//   TRIMTAB_URL=http://127.0.0.1:5000 npm --prefix ui run test:console
//
// TRIMTAB_CHROMIUM names the browser (default /usr/bin/chromium), TRIMTAB_TEST_OUTPUT the folder for screenshots.
// Without TRIMTAB_URL the made-up server of ui/test/mock answers, so that the console can be worked on alone.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const ui = new URL("../../ui/package.json", import.meta.url);
const require = createRequire(ui);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const output = process.env.TRIMTAB_TEST_OUTPUT ?? fileURLToPath(new URL("../../test-output/console/", import.meta.url));
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let url = process.env.TRIMTAB_URL?.replace(/\/+$/, "");
let mock;
let browser;

before(async () => {
  mkdirSync(output, { recursive: true });
  if (!url) {
    const { start } = await import(new URL("../../ui/test/mock/server.mjs", import.meta.url).href);
    mock = await start();
    url = mock.url;
  }
  browser = await chromium.launch({ executablePath: process.env.TRIMTAB_CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
});

after(async () => {
  await browser?.close();
  await mock?.close();
});

/** A fresh tab; whatever the page complains about fails the test that holds it. */
async function open(path, { scheme = "light", width = 1400, height = 900 } = {}) {
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

async function shot(page, name) {
  await page.screenshot({ path: `${output}/${name}.png`, fullPage: true });
}

/** No violation of WCAG 2 A and AA on what is on the screen; of the heat map's many like rows the first few stand for all. */
async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ include: ["html"], exclude: ["g[role=row]:nth-of-type(n + 4)"] }, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const told = violations.map((v) => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join("; ")})`);
  assert.deepEqual(told, [], `${name} has accessibility violations`);
}

async function api(path) {
  const response = await fetch(`${url}/api/v1/${path}`, { headers: { accept: "application/json" } });
  assert.equal(response.status, 200, path);
  return response.json();
}

/** The first chart holds a line, and its legend the last value. */
async function drawn(page) {
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

const row = (page) => page.locator("tr[data-endpoint]").first();

test("Home shows the loop, one row per endpoint", async () => {
  const { page, errors, close } = await open("/");
  await row(page).waitFor();
  const cells = await row(page).locator("td[data-cell]").evaluateAll((all) => all.map((cell) => cell.getAttribute("data-cell")));
  assert.deepEqual(cells, ["data", "checks", "run", "champion", "health", "drift", "rollout"]);
  for (const name of ["data", "champion", "health"]) assert.ok(await row(page).locator(`[data-cell=${name}] a`).count(), `${name} leads to its evidence`);
  await page.locator("text=Latest decisions").waitFor();
  await accessible(page, "Home");
  await shot(page, "home");
  assert.deepEqual(errors, []);
  await close();
});

test("a rollout is reached from Home, with steps and guardrails", async () => {
  const { page, errors, close } = await open("/");
  await row(page).locator("[data-cell=rollout] a").first().click();
  await page.waitForURL(/\/rollouts/);
  if (/\/rollouts(\?|$)/.test(page.url())) {
    // None is open: the cell leads to the list, the list to each.
    await page.locator("tbody th a").first().click();
    await page.waitForURL(/\/rollouts\/[^?]+/);
  }
  await page.locator("h2#steps").waitFor();
  await page.locator("h2#guardrails").waitFor();
  await shot(page, "rollout");
  await accessible(page, "the rollout page");
  assert.deepEqual(errors, []);
  await close();
});

test("every kind of rollout end can be read", async () => {
  const { items } = await api("rollouts?limit=50");
  const kinds = new Map(items.map((rollout) => [rollout.state, rollout]));
  for (const [state, rollout] of kinds) {
    const { page, errors, close } = await open(`/rollouts/${rollout.id}`);
    await page.locator("h2#steps").waitFor();
    for (const guardrail of rollout.guardrails) assert.ok(await page.locator(`tr[data-guardrail="${guardrail.name}"]`).count(), `${state}: ${guardrail.name} is shown`);
    await shot(page, `rollout-${state}`);
    assert.deepEqual(errors, []);
    await close();
  }
});

test("the heat map's cell opens both histograms and the test's values", async () => {
  const { page, errors, close } = await open("/");
  await row(page).locator("[data-cell=drift] a").first().click();
  await page.waitForURL(/\/monitors\//);
  await page.locator("svg[role=grid]").waitFor();
  const cells = page.locator('rect[data-cell]:not([data-cell="checks:"]):not([data-cell="prediction:"]):not(.none):not(.failed)');
  const drifted = page.locator('rect[data-drifted]:not([data-cell="prediction:"])');
  assert.ok(await cells.count(), "there are tested cells");
  await ((await drifted.count()) > 0 ? drifted : cells).last().click();
  await page.locator("[data-panel] [data-histogram=reference] svg").waitFor();
  await page.locator("[data-panel] [data-histogram=current] svg").waitFor();
  const panel = await page.locator("[data-panel]").innerText();
  for (const word of ["Effect size", "Threshold", "Rows"]) assert.ok(panel.includes(word), `the panel tells ${word}`);
  assert.match(page.url(), /window=.+feature=.+/, "the choice is in the address");
  await shot(page, "monitor");
  await accessible(page, "the monitor page");

  // The keyboard goes from cell to cell, and the address follows.
  const chosen = page.url();
  await page.locator("svg[role=grid]").focus();
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((old) => location.href !== old, chosen);
  await page.locator("[data-panel]").waitFor();

  // The same address opens the same choice.
  await page.goto(chosen);
  await page.locator("[data-panel] [data-histogram=current] svg").waitFor();
  assert.deepEqual(errors, []);
  await close();
});

test("a run page draws its metrics", async () => {
  const { items } = await api("runs?limit=50");
  assert.ok(items.length > 0, "the demo leaves runs");
  const withSteps = items.find((run) => run.metrics.some((metric) => metric.step > 0)) ?? items[0];
  const { page, errors, close } = await open("/");
  await row(page).locator("[data-cell=run] a").first().click();
  await page.waitForURL(/\/runs\//);
  await page.locator("[data-metric]").first().waitFor();
  await page.goto(`${url}/runs/${withSteps.id}`);
  await page.locator("[data-metric] canvas").first().waitFor();
  // Drawn, and still drawn after the page's size has changed.
  await drawn(page);
  await page.setViewportSize({ width: 1180, height: 860 });
  await page.waitForFunction(() => document.querySelector("[data-metric] .chart").clientWidth < 480);
  await drawn(page);
  await page.setViewportSize({ width: 1400, height: 900 });
  const folder = page.locator("details summary.mono").first();
  if (await folder.count()) {
    await folder.click();
    await page.locator("details[open] .file").first().waitFor();
  }
  await shot(page, "run");
  await accessible(page, "the run page");
  assert.deepEqual(errors, []);
  await close();
});

test("every page opens, in the dark too, without a word of complaint", async () => {
  const first = async (path) => (await api(path)).items[0];
  const [endpoint, plan, dataset, model] = await Promise.all(["endpoints", "plans", "datasets", "models"].map(first));
  const pages = {
    endpoints: "/endpoints", endpoint: endpoint && `/endpoints/${encodeURIComponent(endpoint.name)}`, rollouts: "/rollouts", monitors: "/monitors", alerts: "/alerts", decisions: "/decisions", runs: "/runs",
    plans: "/plans", plan: plan && `/plans/${plan.id}`, datasets: "/datasets", dataset: dataset && `/datasets/${dataset.id}`, models: "/models", model: model && `/models/${encodeURIComponent(model.name)}`,
    version: model && `/models/${encodeURIComponent(model.name)}/versions/${model.latest_version}`, lineage: endpoint && `/lineage/endpoint/${encodeURIComponent(endpoint.name)}`,
  };
  const { page, errors, close } = await open("/", { scheme: "dark" });
  await row(page).waitFor();
  await shot(page, "home-dark");
  await accessible(page, "Home in the dark");
  for (const [name, path] of Object.entries(pages)) {
    if (!path) continue;
    await page.goto(url + path);
    await page.locator("main h1").waitFor();
    await page.waitForFunction(() => !document.querySelector("main [role=status].wait"));
    assert.equal(await page.locator("main [role=alert]").count(), 0, `${name} shows no error`);
    await accessible(page, name);
    await shot(page, name);
  }
  assert.deepEqual(errors, []);
  await close();
});

test("the links that MLflow's client prints open our pages", async () => {
  const [run] = (await api("runs?limit=1")).items;
  const [model] = (await api("models?limit=1")).items;
  const { page, errors, close } = await open(`/#/experiments/${run.experiment_id}/runs/${run.id}`);
  await page.waitForURL((at) => at.pathname === `/runs/${run.id}` && at.hash === "");
  await page.locator("main h1").waitFor();
  await page.goto("about:blank");
  await page.goto(`${url}/#/models/${encodeURIComponent(model.name)}/versions/${model.latest_version}`);
  await page.waitForURL((at) => at.pathname.endsWith(`/versions/${model.latest_version}`));
  assert.deepEqual(errors, []);
  await close();
});

test("what does not exist is said with its hint, and a narrow screen stays usable", async () => {
  const { page, close } = await open("/runs/00000000000000000000000000000000", { width: 420 });
  await page.locator("main [role=alert]").waitFor();
  await page.goto(`${url}/no/such/page`);
  await page.locator("text=No such page").waitFor();
  await page.goto(`${url}/`);
  await row(page).waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 1, `the page scrolls sideways by ${wide} px`);
  await shot(page, "home-narrow");
  await close();
});

test("a server that goes away is said, what was read stays, and it is found again", async () => {
  const { page, close } = await open("/");
  await row(page).waitFor();
  await page.route("**/api/v1/**", (route) => route.abort("connectionrefused"));
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.locator("main [role=alert]").first().waitFor();
  assert.match(await page.locator("main [role=alert]").first().innerText(), /does not answer[\s\S]*hint:/);
  assert.ok(await row(page).isVisible(), "the last answer is still shown");
  await page.unroute("**/api/v1/**");
  // Each part of the page tries again by itself; a person may be quicker.
  await page.locator("main [role=alert] button", { hasText: "Try now" }).first().click();
  await page.waitForFunction(() => document.querySelectorAll("main [role=alert]").length === 0);
  await row(page).waitFor();
  await close();
});

test("a server that asks for a token gets one", async () => {
  const { page, close } = await open("/favicon.svg");
  const seen = new Set();
  await page.route("**/api/v1/**", async (route) => {
    const headers = route.request().headers();
    seen.add(headers.authorization);
    if (headers.authorization === "Bearer tt_secret") {
      const { authorization: _, ...rest } = headers;
      return route.continue({ headers: rest });
    }
    const body = { error: { code: "unauthenticated", message: "a token is needed", hint: "trimtab token create --role viewer", request_id: "r" } };
    return route.fulfill({ status: 401, contentType: "application/json", body: JSON.stringify(body) });
  });
  await page.goto(`${url}/`);
  await page.locator("main [role=alert]", { hasText: "hint: trimtab token create" }).first().waitFor();
  await page.locator("main [role=alert] button", { hasText: "Give a token" }).first().click();
  await page.locator("dialog input").fill("tt_secret");
  await page.keyboard.press("Enter");
  await row(page).waitFor();
  assert.ok(seen.has("Bearer tt_secret"));
  assert.ok(await page.locator("text=Forget the token").isVisible());
  await close();
});
