// The pages of tracking in a real Chromium: the table of runs, a run, runs compared, a model's aliases.
//
//   TRIMTAB_URL=http://127.0.0.1:5000 npm --prefix ui run test:console
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { log, seed } from "./seed.mjs";
import { accessible, drawn, mock, open, ready, shot, url } from "./support.mjs";

let given;
before(async () => {
  await ready;
  given = await seed();
});

const cells = (page, column) => page.evaluate((id) => {
  const head = document.querySelector(`[data-sort="${id}"]`)?.closest("[role=columnheader]");
  const at = head?.getAttribute("aria-colindex");
  return [...document.querySelectorAll("[data-run]")].map((row) => row.querySelector(`[aria-colindex="${at}"]`)?.textContent.trim() ?? "");
}, column);
const filled = (page, column) => page.waitForFunction((id) => {
  const at = document.querySelector(`[data-sort="${id}"]`)?.closest("[role=columnheader]")?.getAttribute("aria-colindex");
  const rows = [...document.querySelectorAll("[data-run]")];
  return at && rows.length > 0 && rows.slice(0, 5).every((row) => row.querySelector(`[aria-colindex="${at}"]`)?.textContent.trim());
}, column);

test("the table of runs holds only the rows and columns that are seen, and its state is its address", async () => {
  const { page, errors, close } = await open(`/runs?experiment=${given.experiment}`);
  await page.locator("[data-run]").first().waitFor();
  await filled(page, "metrics.loss");
  const inDocument = await page.locator("[data-run]").count();
  assert.ok(inDocument < 50, `${inDocument} rows are in the document`);
  if (mock) assert.equal(await page.locator("[data-sort='params.lr']").count(), 0, "columns far to the right are not in the document");
  await accessible(page, "the table of runs");
  await shot(page, "runs-table", false);

  // The end is reached by scrolling, page by page.
  await page.waitForFunction((count) => {
    const grid = document.querySelector("[data-grid]");
    grid.scrollTop = grid.scrollHeight;
    return document.querySelectorAll("[data-run]").length > 0 && Number([...document.querySelectorAll("[data-run]")].at(-1).getAttribute("aria-rowindex")) > Math.min(count, 120);
  }, given.count);
  await page.evaluate(() => document.querySelector("[data-grid]").scrollTo(0, 0));

  // Sorted by a heading: up, then down.
  await page.locator("[data-sort='metrics.loss']").click();
  await page.waitForURL(/order=metrics\.loss/);
  await page.waitForFunction(() => document.querySelector("[aria-sort=ascending]"));
  await filled(page, "metrics.loss");
  const up = (await cells(page, "metrics.loss")).slice(0, 10).map(Number);
  assert.deepEqual(up, [...up].sort((a, b) => a - b), "the least loss is first");

  // Only what differs: the parameter that is the same everywhere goes.
  await page.getByLabel("only columns that differ").check();
  await page.waitForURL(/differ=1/);
  await page.evaluate(() => (document.querySelector("[data-grid]").scrollLeft = 1_000_000));
  await page.locator("[data-sort='params.model']").waitFor();
  assert.equal(await page.locator("[data-sort='params.param9']").count(), 0, "`param9` is the same in all runs");

  // Filtered with MLflow's grammar.
  await page.getByLabel("Filter", { exact: true }).fill("params.lr = '0.01'");
  await page.keyboard.press("Enter");
  await page.waitForURL(/filter=/);
  await page.locator("[data-sort='params.lr']").waitFor();
  await filled(page, "params.lr");
  assert.deepEqual([...new Set(await cells(page, "params.lr"))], ["0.01"]);
  const address = page.url();
  const names = await page.locator("[data-run] [role=rowheader] a").allInnerTexts();

  // The same address is the same table.
  await page.goto("about:blank");
  await page.goto(address);
  await page.locator("[data-run]").first().waitFor();
  assert.deepEqual(await page.locator("[data-run] [role=rowheader] a").allInnerTexts(), names);
  assert.deepEqual(errors, []);
  await close();
});

test("a filter that cannot be read is said with its hint, over no rows", async () => {
  const { page, close } = await open(`/runs?experiment=${given.experiment}&filter=${encodeURIComponent("metrics.loss <<< 1")}`);
  await page.locator("main [role=alert]").waitFor();
  assert.equal(await page.locator("[data-run]").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Try now" }).count(), 0, "what is refused as it stands is refused again");
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("[data-run]").first().waitFor();
  assert.equal(await page.locator("main [role=alert]").count(), 0);
  await close();
});

test("a row follows its run without a page being asked for", async () => {
  const { page, errors, close } = await open(`/runs?experiment=${given.live.experiment}&column=metrics.step`);
  const cell = page.locator(`[data-run="${given.live.id}"] .number`).last();
  await cell.waitFor();
  await page.locator("nav", { hasText: "live" }).waitFor();
  // The made-up server's run goes on by itself.
  if (!mock) await log(given.live.id, "step", 77, 2);
  const selector = `[data-run="${given.live.id}"]`;
  await page.waitForFunction(([at, real]) => {
    const text = [...document.querySelectorAll(`${at} .number`)].at(-1)?.textContent.trim();
    return real ? text === "77" : Number(text) > 0;
  }, [selector, !mock]);
  assert.deepEqual(errors, []);
  await close();
});

test("a thousand charts: only those that are seen are drawn, and scrolling stays smooth", async () => {
  const { page, errors, close } = await open(`/runs/${given.wide}?tab=charts`);
  await drawn(page);
  assert.equal(await page.locator("article[data-metric]").count(), 1_000);
  assert.ok((await page.locator("article canvas").count()) < 30, "charts below the screen are not drawn");
  const worst = await page.evaluate(async () => {
    const tasks = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
    for (let i = 0; i < 60; i += 1) {
      scrollBy(0, 240);
      await new Promise((done) => requestAnimationFrame(done));
    }
    await new Promise((done) => setTimeout(done, 300));
    return Math.max(0, ...tasks);
  });
  console.log(`# scrolling past 60 rows of charts: the longest task took ${Math.round(worst)} ms`);
  assert.ok((await page.locator("article canvas").count()) < 60, "charts that were scrolled past are gone");
  await page.waitForFunction(() => [...document.querySelectorAll("article")].some((a) => a.getBoundingClientRect().top > 0 && a.getBoundingClientRect().top < innerHeight && a.querySelector("canvas")));

  // How it is drawn is in the address.
  await page.evaluate(() => scrollTo(0, 0));
  await page.getByLabel("Metrics", { exact: false }).first().fill("metric7");
  await page.waitForURL(/q=metric7/);
  assert.equal(await page.locator("article[data-metric]").count(), 20);
  await page.getByLabel("log y").check();
  await page.getByLabel("Over").selectOption("relative");
  await page.waitForURL(/log=y.*x=relative|x=relative.*log=y/);
  await drawn(page);
  await page.locator("summary", { hasText: "layer3/" }).click();
  await page.waitForURL(/closed=layer3/);
  await accessible(page, "the charts of a run");
  await shot(page, "run-charts", false);
  assert.deepEqual(errors, []);
  await close();
});

test("a run's files are shown by their kind, and its console output as it was seen", async () => {
  const { page, errors, close } = await open(`/runs/${given.wide}?tab=artifacts`);
  const show = async (name, kind) => {
    await page.locator(".file button", { hasText: name }).first().click();
    await page.locator(`[data-preview=${kind}]`).waitFor();
  };
  await show("plot.png", "image");
  await page.waitForFunction(() => document.querySelector("[data-preview=image] img")?.naturalWidth > 0);
  await show("scores.csv", "table");
  assert.deepEqual(await page.locator("[data-preview] td").allInnerTexts(), ['Smith, "Ana"', "0.5", "Bo", "0.25"]);
  await show("table.json", "table");
  assert.deepEqual(await page.locator("[data-preview] thead th").allInnerTexts(), ["question", "answer"]);
  await show("summary.json", "text");
  assert.match(await page.locator("[data-preview] pre").innerText(), /"loss": 0\.1/);
  await show("weights.bin", "none");
  await accessible(page, "the artifacts of a run");
  await page.goto(`${url}/runs/${given.wide}?tab=artifacts&file=scores.csv`);
  await page.locator("[data-preview=table]").waitFor();
  await shot(page, "run-artifacts");

  await page.locator(".tabs a", { hasText: "Logs" }).click();
  await page.waitForFunction(() => document.querySelector("[data-log]")?.textContent.includes("finished"));
  assert.equal(await page.locator("[data-log]").innerText(), "epoch 1\nepoch 2 done\nfinished\n");
  await accessible(page, "the logs of a run");
  for (const tab of ["System", "Lineage", "Overview"]) {
    await page.locator(".tabs a", { hasText: tab }).click();
    await page.locator(".tabs a[aria-current=page]", { hasText: tab }).waitFor();
    await page.waitForFunction(() => !document.querySelector("main [role=status].wait"));
    assert.equal(await page.locator("main [role=alert]").count(), 0, tab);
  }
  assert.deepEqual(errors, []);
  await close();
});

test("chosen runs are compared: what differs, curves over each other, parallel coordinates", async () => {
  const { page, errors, close } = await open(`/runs?experiment=${given.experiment}`);
  await page.locator("[data-run]").nth(3).waitFor();
  for (const i of [0, 1, 2]) await page.locator("[data-run] input[type=checkbox]").nth(i).check();
  await page.locator("a", { hasText: "Compare 3" }).click();
  await page.waitForURL(/\/compare\?runs=/);
  await page.locator("tr[data-line=lr]").waitFor();
  assert.equal(await page.locator("tr[data-line=lr] td").count(), 3);
  assert.equal(await page.locator("tr[data-line=param9]").count(), 0, "what is the same is left out");
  await accessible(page, "the comparison");
  await shot(page, "compare", false);
  await page.getByLabel("also what is the same").check();
  await page.locator("tr[data-line=param9]").waitFor();

  await page.locator(".tabs a", { hasText: "Curves" }).click();
  await page.locator("article[data-metric=loss]").waitFor();
  await page.waitForFunction(() => document.querySelectorAll("article[data-metric=loss] .u-series").length === 4 || document.querySelector("article[data-metric=loss] .single"));
  await shot(page, "compare-curves", false);

  await page.locator(".tabs a", { hasText: "Parallel" }).click();
  await page.locator("[data-parallel] path").first().waitFor();
  assert.equal(await page.locator("[data-parallel] path").count(), 3);
  await accessible(page, "the parallel coordinates");
  await shot(page, "compare-parallel");
  assert.deepEqual(errors, []);
  await close();
});

test("a model tells who moved its aliases, and when", async () => {
  const { page, errors, close } = await open(`/models/${encodeURIComponent(given.model)}`);
  await page.locator("[data-moves] tbody tr").first().waitFor();
  const moves = await page.locator("[data-moves] tbody tr").allInnerTexts();
  assert.equal(moves.length, 2);
  assert.match(moves[0], /@champion\s+v\d+\s+v\d+/);
  await accessible(page, "the model page");
  await shot(page, "model-moves");
  assert.deepEqual(errors, []);
  await close();
});
