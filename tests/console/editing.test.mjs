// What the console writes, in a real Chromium: deleting and restoring, descriptions, and prompts. The made-up server writes nothing, so this needs
// a real one.
//
//   TRIMTAB_URL=http://127.0.0.1:5000 npm --prefix ui run test:console
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { post } from "./seed.mjs";
import { accessible, mock, open, ready, shot, url } from "./support.mjs";

const given = {};
before(async () => {
  await ready;
  if (mock) return;
  given.name = `edited ${Date.now()}`;
  given.experiment = (await post("experiments/create", { name: given.name })).experiment_id;
  const start = Date.now() - 60_000;
  given.runs = [];
  for (let i = 0; i < 4; i += 1) {
    const id = (await post("runs/create", { experiment_id: given.experiment, run_name: `edited-${i}`, start_time: start + i * 1_000 })).run.info.run_id;
    await post("runs/log-batch", { run_id: id, metrics: [{ key: "loss", value: i, step: 1, timestamp: start }], params: [{ key: "same", value: "x" }, ...(i === 0 ? [{ key: "only", value: "x" }] : [])] });
    given.runs.push(id);
  }
});

const shown = (page) => page.locator("[data-run]").evaluateAll((all) => all.map((row) => row.querySelector("[role=rowheader] a").textContent + (row.querySelector("[role=rowheader]").textContent.includes("deleted") ? " (deleted)" : "")));
const until = (page, ids) => page.waitForFunction((wanted) => JSON.stringify([...document.querySelectorAll("[data-run]")].map((row) => row.dataset.run)) === wanted, JSON.stringify(ids));

test("a value against none is a difference", async (t) => {
  if (mock) return t.skip("the made-up server has no such runs");
  const { page, errors, close } = await open(`/runs?experiment=${given.experiment}&differ=1`);
  await page.locator("[data-sort='params.only']").waitFor();
  assert.equal(await page.locator("[data-sort='params.same']").count(), 0, "what is the same in all runs is left out");
  assert.deepEqual(errors, []);
  await close();
});

test("a run's description keeps its lines, is no HTML, and is written like MLflow's", async (t) => {
  if (mock) return t.skip("the made-up server writes nothing");
  const [id] = given.runs;
  const { page, errors, close } = await open(`/runs/${id}`);
  await page.getByRole("button", { name: "Add a description" }).click();
  await page.getByLabel("Description").fill("one <b>bold</b>\n\n<img src=x>");
  await accessible(page, "a description being written");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("[data-description]").waitFor();
  const { run } = await (await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=${id}`)).json();
  assert.equal(run.data.tags.find((tag) => tag.key === "mlflow.note.content")?.value, "one <b>bold</b>\n\n<img src=x>");
  await page.reload();
  assert.equal(await page.locator("[data-description]").innerText(), "one <b>bold</b>\n\n<img src=x>");
  assert.equal(await page.locator("[data-description] *").count(), 0, "what is typed is no HTML");
  // Tags that no person wrote are folded.
  assert.equal(await page.locator("tr[data-tag='mlflow.runName']").isVisible(), false);
  await page.locator("summary", { hasText: "System tags" }).click();
  assert.equal(await page.locator("tr[data-tag='mlflow.runName']").isVisible(), true);
  assert.deepEqual(errors, []);
  await close();
});

test("runs are deleted from the table and restored on their page", async (t) => {
  if (mock) return t.skip("the made-up server writes nothing");
  const [a, b, c, d] = given.runs;
  const { page, errors, close } = await open(`/runs?experiment=${given.experiment}`);
  await until(page, [d, c, b, a]);
  for (const id of [b, c]) await page.locator(`[data-run="${id}"] input`).check();
  await page.getByRole("button", { name: "Delete 2…" }).click();
  await page.locator("dialog", { hasText: "They can be restored" }).waitFor();
  await accessible(page, "the question before runs are deleted");
  await shot(page, "runs-delete", false);
  // Whoever changes their mind loses nothing.
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Delete 2…" }).click();
  await page.getByRole("button", { name: "Delete 2 runs" }).click();
  await until(page, [d, a]);

  await page.getByLabel("Active or deleted runs").selectOption("all");
  await page.waitForURL(/view=all/);
  await until(page, [d, c, b, a]);
  assert.deepEqual(await shown(page), ["edited-3", "edited-2 (deleted)", "edited-1 (deleted)", "edited-0"]);
  await page.locator("[data-sort='metrics.loss']").click();
  await until(page, [a, b, c, d]);
  await page.getByLabel("Active or deleted runs").selectOption("deleted");
  await until(page, [b, c]);

  await page.locator(`[data-run="${c}"] a`).click();
  await page.getByRole("button", { name: "Restore…" }).click();
  await page.getByRole("button", { name: "Restore", exact: true }).click();
  await page.getByRole("button", { name: "Delete…" }).waitFor();
  await page.goBack();
  await until(page, [b]);
  assert.deepEqual(errors, []);
  await close();
});

test("an experiment is deleted from the list and restored among the deleted ones", async (t) => {
  if (mock) return t.skip("the made-up server writes nothing");
  const { page, errors, close } = await open("/experiments");
  const row = page.locator(`tr[data-experiment="${given.experiment}"]`);
  await page.setViewportSize({ width: 420, height: 800 });
  await row.waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 1, `the page scrolls sideways by ${wide} px`);
  await row.getByRole("button").click();
  await page.getByRole("button", { name: "Delete the experiment" }).click();
  await row.waitFor({ state: "detached" });
  await page.getByLabel("Active or deleted experiments").selectOption("deleted");
  await row.getByRole("button", { name: "Restore…" }).click();
  await page.getByRole("button", { name: "Restore", exact: true }).click();
  await row.waitFor({ state: "detached" });
  await page.getByLabel("Active or deleted experiments").selectOption("");
  await row.waitFor();
  assert.deepEqual(errors, []);
  await close();
});

test("an experiment that is not there is said, and a deleted one is told as such", async (t) => {
  if (mock) return t.skip("the made-up server has every experiment");
  const { experiment_id } = await post("experiments/create", { name: `deleted ${Date.now()}` });
  await post("runs/create", { experiment_id, run_name: "of a deleted one", start_time: Date.now() });
  await post("experiments/delete", { experiment_id });
  const { page, close } = await open("/runs?experiment=999999999");
  await page.locator("h1", { hasText: "No experiment 999999999" }).waitFor();
  assert.equal(await page.locator("[data-grid], select").count(), 0);
  await page.goto(`${url}/runs?experiment=${experiment_id}`);
  await page.locator("text=This experiment is deleted").waitFor();
  await page.locator("a", { hasText: "among the deleted ones" }).click();
  await page.locator("[data-run]").waitFor();
  await close();
});

test("a model's version and the model go for good, and an error is told in words", async (t) => {
  if (mock) return t.skip("the made-up server writes nothing");
  const name = `edited-${Date.now()}`;
  await post("registered-models/create", { name });
  for (let i = 0; i < 2; i += 1) await post("model-versions/create", { name, source: `runs:/${given.runs[0]}/model`, run_id: given.runs[0] });
  const { page, close } = await open(`/models/${name}/versions/2`);
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.locator("dialog", { hasText: "cannot be restored" }).waitFor();
  await page.route("**/model-versions/delete", (route) => route.fulfill({ status: 403, contentType: "application/json", body: JSON.stringify({ error_code: "PERMISSION_DENIED", message: "the role viewer may not write" }) }));
  await page.getByRole("button", { name: "Delete the version" }).click();
  await page.locator("dialog [role=alert]", { hasText: "the role viewer may not write" }).waitFor();
  await page.unroute("**/model-versions/delete");
  await page.getByRole("button", { name: "Delete the version" }).click();
  await page.waitForURL((at) => at.pathname === `/models/${name}`);
  await page.locator("tbody", { hasText: "v1" }).first().waitFor();
  assert.equal(await page.locator("tbody th", { hasText: "v2" }).count(), 0);
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Delete the model" }).click();
  await page.waitForURL((at) => at.pathname === "/models");
  await close();
});

test("a prompt has a page: its versions, what differs between two, and a chat's messages", async (t) => {
  if (mock) return t.skip("the made-up server has no prompts");
  const [name, chat] = [`greet-${Date.now()}`, `chat-${Date.now()}`];
  const tag = (key, value) => ({ key, value });
  const make = async (prompt, ...texts) => {
    await post("registered-models/create", { name: prompt, tags: [tag("mlflow.prompt.is_prompt", "true"), tag("team", "a")] });
    for (const [kind, text] of texts) await post("model-versions/create", { name: prompt, source: "dummy-source", tags: [tag("mlflow.prompt.is_prompt", "true"), tag("_mlflow_prompt_type", kind), tag("mlflow.prompt.text", text)] });
  };
  await make(name, ["text", "Greet {{who}}.\nBe kind."], ["text", "Greet {{who}} shortly.\nBe kind."]);
  await make(chat, ["chat", JSON.stringify([{ role: "system", content: "You are {{who}}." }, { role: "user", content: "{{question}}" }])]);
  await post("registered-models/alias", { name, alias: "production", version: "1" });

  const { page, errors, close } = await open("/prompts");
  await page.locator("tbody tr", { hasText: name }).waitFor();
  await accessible(page, "the prompts");
  // A prompt's page as a model leads to it, with its version.
  await page.goto(`${url}/models/${name}`);
  await page.waitForURL((at) => at.pathname === `/prompts/${name}`);
  await page.locator("[data-message=text]", { hasText: "Greet {{who}} shortly." }).waitFor();
  await page.getByLabel("Compare with").selectOption("1");
  await page.waitForURL(/with=1/);
  await page.locator("[data-diff] .new", { hasText: "Greet {{who}} shortly." }).waitFor();
  assert.equal(await page.locator("[data-diff] .gone").innerText(), "−Greet {{who}}.");
  assert.equal(await page.locator("[data-diff] .same").count(), 1);
  await accessible(page, "a prompt");
  await shot(page, "prompt");
  await page.goto(`${url}/models/${name}/versions/1`);
  await page.waitForURL(/prompts.*version=1/);
  await page.locator("h2", { hasText: "@production" }).waitFor();
  await page.goto(`${url}/prompts/${chat}`);
  await page.locator("[data-message=user]").waitFor();
  assert.deepEqual(await page.locator("[data-message] pre").allInnerTexts(), ["You are {{who}}.", "{{question}}"]);
  assert.deepEqual(errors, []);
  await close();
});
