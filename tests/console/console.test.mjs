// The console in a real Chromium against a running server that has been through the demo.
//
//   TRIMTAB_URL=http://127.0.0.1:5000 npm --prefix ui run test:console
//
// TRIMTAB_CHROMIUM names the browser (default /usr/bin/chromium), TRIMTAB_TEST_OUTPUT the folder for screenshots.
// Without TRIMTAB_URL the made-up server of ui/test/mock answers, so that the console can be worked on alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, api, drawn, open, shot, url } from "./support.mjs";

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
  await page.goto(`${url}/runs/${withSteps.id}?tab=charts`);
  await page.locator("[data-metric] canvas").first().waitFor();
  // Drawn, and still drawn after the page's size has changed.
  await drawn(page);
  await page.setViewportSize({ width: 1180, height: 860 });
  await page.waitForFunction(() => document.querySelector("[data-metric] .chart").clientWidth < 480);
  await drawn(page);
  await page.setViewportSize({ width: 1400, height: 900 });
  await shot(page, "run");
  await accessible(page, "the run page");
  assert.deepEqual(errors, []);
  await close();
});

test("every page opens, in the dark too, without a word of complaint", async () => {
  const first = async (path) => (await api(path)).items[0];
  const [endpoint, plan, dataset, model] = await Promise.all(["endpoints", "plans", "datasets", "models"].map(first));
  const pages = {
    endpoints: "/endpoints", endpoint: endpoint && `/endpoints/${encodeURIComponent(endpoint.name)}`, rollouts: "/rollouts", monitors: "/monitors", alerts: "/alerts", decisions: "/decisions", runs: "/runs", experiments: "/experiments", compare: "/compare",
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
