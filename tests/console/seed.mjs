// Runs for the tests of the tracking pages, written as a script would: by MLflow's own REST API. The made-up server of
// ui/test/mock has its own, of the same names.
import assert from "node:assert/strict";
import { mock, url } from "./support.mjs";

const RUNS = 130;
const METRICS = 12;

export async function post(path, body) {
  const response = await fetch(`${url}/api/2.0/mlflow/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return response.json();
}

export const log = (run, key, value, step) => post("runs/log-metric", { run_id: run, key, value, step, timestamp: Date.now() });

/** `{ experiment, count, wide, live, model }`: an experiment `sweep` of `count` runs, of which `wide` has a thousand metrics and `live` is running. */
export async function seed() {
  if (mock) {
    const { SWEEP, wide } = await import(new URL("../../ui/test/mock/runs.mjs", import.meta.url).href);
    const { runs, model } = await import(new URL("../../ui/test/mock/data.mjs", import.meta.url).href);
    const live = runs.find((run) => run.status === "RUNNING");
    return { experiment: "9", count: SWEEP.runs, wide: wide.id, live: { id: live.id, experiment: live.experiment_id }, model: model.name };
  }
  const { experiment_id } = await post("experiments/create", { name: `sweep ${Date.now()}` });
  const start = Date.now() - RUNS * 60_000;
  const make = async (name, at) => (await post("runs/create", { experiment_id, run_name: name, start_time: at })).run.info.run_id;
  const one = async (i) => {
    const run = await make(`sweep-${i}`, start + i * 60_000);
    const timestamp = start + i * 60_000;
    const metrics = [{ key: "loss", value: ((i * 37) % RUNS) / RUNS, step: 1, timestamp }];
    for (let k = 1; k < METRICS; k += 1) metrics.push({ key: `group${k % 3}/metric${k}`, value: i * k, step: 1, timestamp });
    await post("runs/log-batch", { run_id: run, metrics, params: [{ key: "lr", value: ["0.1", "0.01", "0.001"][i % 3] }, { key: "model", value: ["tree", "linear"][i % 2] }, { key: "param9", value: "same" }] });
    await post("runs/update", { run_id: run, status: "FINISHED", end_time: timestamp + 45_000 });
  };
  for (let i = 0; i < RUNS; i += 10) await Promise.all(Array.from({ length: 10 }, (_, k) => one(i + k)));

  const other = (await post("experiments/create", { name: `wide ${Date.now()}` })).experiment_id;
  const wide = (await post("runs/create", { experiment_id: other, run_name: "wide", start_time: start })).run.info.run_id;
  for (let step = 0; step < 8; step += 1) {
    await post("runs/log-batch", { run_id: wide, metrics: Array.from({ length: 1_000 }, (_, i) => ({ key: `layer${Math.floor(i / 50)}/metric${i % 50}`, value: Math.exp(-step / 3) * (i + 1), step, timestamp: start + step * 1_000 })) });
  }
  const { files } = await import(new URL("../../ui/test/mock/runs.mjs", import.meta.url).href);
  for (const [path, bytes] of Object.entries({ ...files, "weights.bin": Buffer.alloc(5_000) })) {
    const response = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${other}/${wide}/artifacts/${path}`, { method: "PUT", body: bytes });
    assert.equal(response.status, 200, `${path}: ${await response.text()}`);
  }
  await post("runs/update", { run_id: wide, status: "FINISHED", end_time: start + 60_000 });
  const live = (await post("runs/create", { experiment_id: other, run_name: "live", start_time: Date.now() })).run.info.run_id;
  await log(live, "step", 1, 1);

  const model = `seeded-${Date.now()}`;
  await post("registered-models/create", { name: model });
  for (let i = 0; i < 2; i += 1) await post("model-versions/create", { name: model, source: `runs:/${wide}/logs`, run_id: wide });
  for (const version of ["1", "2"]) await post("registered-models/alias", { name: model, alias: "champion", version });
  return { experiment: experiment_id, count: RUNS, wide, live: { id: live, experiment: other }, model };
}
