// Runs of the made-up server: those of the demo, and an experiment `sweep` with many runs and many keys.
import * as data from "./data.mjs";

export const SWEEP = { runs: 3_000, metrics: 160, params: 40 };
const START = Date.parse("2013-02-01T00:00:00Z");
const noise = (n) => ((n * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
const hex = (n) => (n + 1).toString(16).padStart(32, "0");

export const experiments = [
  { id: "9", name: "sweep", created_at: new Date(START).toISOString(), updated_at: new Date(START).toISOString(), tags: {} },
  { id: data.runs[0].experiment_id, name: data.runs[0].experiment, created_at: data.runs[0].started_at, updated_at: data.runs[0].started_at, tags: { "mlflow.note.content": "Whether a flight is late" } },
];

const metricKey = (k) => (k === 0 ? "loss" : `group${Math.floor(k / 10)}/metric${k % 10}`);
const paramKey = (k) => (k === 0 ? "lr" : k === 1 ? "model" : `param${k}`);
const param = (i, k) => (k === 0 ? ["0.1", "0.01", "0.001"][i % 3] : k === 1 ? ["tree", "linear"][i % 2] : k < 6 ? String(i % k) : "same");

function sweep(i) {
  const metrics = {};
  for (let k = 0; k < SWEEP.metrics; k += 1) metrics[metricKey(k)] = noise(i * 1_000 + k) * (k + 1);
  if (i % 97 === 5) metrics.loss = "NaN";
  const params = {};
  for (let k = 0; k < SWEEP.params; k += 1) params[paramKey(k)] = param(i, k);
  const started = START + i * 60_000;
  return { id: hex(i), name: `sweep-${i}`, experiment_id: "9", experiment: "sweep", status: i % 40 === 7 ? "FAILED" : "FINISHED", user: "ana", started_at: new Date(started).toISOString(), ended_at: new Date(started + 45_000).toISOString(), metrics, params, tags: {} };
}

const all = [
  ...data.runs.map((r) => ({ ...r, metrics: Object.fromEntries(r.metrics.map((m) => [m.key, m.value ?? "NaN"])), params: Object.fromEntries(r.params.map((p) => [p.key, p.value])), tags: Object.fromEntries(r.tags.map((t) => [t.key, t.value])) })),
  ...Array.from({ length: SWEEP.runs }, (_, i) => sweep(SWEEP.runs - 1 - i)),
];

/** The running run goes on: its step is a metric that grows. */
let step = 0;
export function work() {
  const running = all.find((run) => run.status === "RUNNING");
  running.metrics.step = step += 1;
  return { experiment: running.experiment_id, runs: [running.id] };
}

const cell = (run, field) => {
  const [kind, ...rest] = field.replaceAll(/[`"]/g, "").split(".");
  const key = rest.join(".");
  if (kind === "attributes") return { run_name: run.name, status: run.status, start_time: run.started_at, user_id: run.user }[key];
  return run[kind]?.[key];
};

/** As much of the grammar as the tests ask: one comparison of a metric, or equality of a text. */
function matches(filter) {
  const found = /^\s*(\S+)\s*(<|>|=)\s*'?([^'<>=]*)'?\s*$/.exec(filter);
  if (!found) throw { error: { code: "invalid", message: `the filter cannot be read: ${filter}`, hint: "metrics.loss < 0.1", field: "filter", request_id: "req-0002" } };
  const [, field, operator, value] = found;
  return (run) => {
    const at = cell(run, field);
    if (at === undefined) return false;
    return operator === "=" ? String(at) === value : operator === "<" ? at < Number(value) : at > Number(value);
  };
}

export function search(query) {
  const only = (run) => {
    const pick = (kind) => Object.fromEntries(Object.entries(run[kind]).filter(([key]) => !query.columns || query.columns.includes(`${kind}.${key}`)));
    const { id, name, experiment_id, experiment, status, user, started_at, ended_at } = run;
    return { id, name, experiment_id, experiment, status, user, started_at, ended_at, metrics: pick("metrics"), params: pick("params"), tags: pick("tags") };
  };
  if (query.ids?.length) return { items: query.ids.map((id) => all.find((r) => r.id === id)).filter(Boolean).map(only), next: null };
  let found = query.deleted ? [] : all.filter((r) => !query.experiments?.length || query.experiments.includes(r.experiment_id));
  if (query.filter) found = found.filter(matches(query.filter));
  if (query.order_by?.length) {
    const [field, way] = query.order_by[0].split(" ");
    const sign = way === "DESC" ? -1 : 1;
    const value = (run) => {
      const at = cell(run, field);
      return at === "NaN" || at === undefined ? (sign > 0 ? Infinity : -Infinity) : at;
    };
    found = [...found].sort((a, b) => (value(a) < value(b) ? -sign : value(a) > value(b) ? sign : 0));
  }
  const start = Number(query.page ?? 0);
  const limit = query.limit ?? 100;
  return { items: found.slice(start, start + limit).map(only), next: start + limit < found.length ? String(start + limit) : null };
}

export function keys(experiments_) {
  const found = all.filter((r) => experiments_.length === 0 || experiments_.includes(r.experiment_id));
  const ends = (kind) => {
    const by = new Map();
    for (const run of found) for (const [key, value] of Object.entries(run[kind])) {
      const known = by.get(key);
      if (!known) by.set(key, { key, low: value, high: value });
      else if (value !== "NaN") {
        if (value < known.low) known.low = value;
        if (value > known.high) known.high = value;
      }
    }
    return [...by.values()];
  };
  return { metrics: ends("metrics"), params: ends("params"), tags: ends("tags"), is_cut: false };
}

export function series({ runs, keys: wanted, points = 320 }) {
  return {
    items: runs.flatMap((run) => wanted.map((key) => {
      const seed = [...(run + key)].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 1_000_003, 7);
      const steps = Array.from({ length: Math.min(points, 200) }, (_, i) => i * 5);
      return { run, key, steps, at_ms: steps.map((s) => START + s * 1_000), values: steps.map((s) => Math.exp(-s / 300) + noise(seed + s) * 0.2) };
    })),
  };
}

/** A run with a thousand metrics. */
export const wide = {
  id: "f".repeat(32), name: "wide", experiment_id: "9", experiment: "sweep", status: "FINISHED", user: "ana", started_at: new Date(START).toISOString(), ended_at: new Date(START + 60_000).toISOString(),
  metrics: Array.from({ length: 1_000 }, (_, i) => ({ key: `layer${Math.floor(i / 50)}/metric${i % 50}`, value: i, step: 995, at: new Date(START).toISOString() })),
  params: [], tags: [], datasets: [], versions: [],
  artifacts: [{ path: "logs", is_dir: true, size: null }, { path: "plot.png", is_dir: false, size: 70 }, { path: "scores.csv", is_dir: false, size: 30 }, { path: "summary.json", is_dir: false, size: 40 }, { path: "table.json", is_dir: false, size: 60 }, { path: "weights.bin", is_dir: false, size: 5_000_000 }],
};

export const files = {
  "plot.png": Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64"),
  "scores.csv": Buffer.from('name,score\n"Smith, ""Ana""",0.5\nBo,0.25\n'),
  "summary.json": Buffer.from('{"best":{"loss":0.1},"seeds":[1,2,3]}'),
  "table.json": Buffer.from('{"columns":["question","answer"],"data":[["why","because"],["when",null]]}'),
  "logs/console.log": Buffer.from("epoch 1\nepoch 2\r\u001b[32mepoch 2 done\u001b[0m\nfinished\n"),
};

export const moves = { items: [{ seq: 2, alias: "champion", before: 3, version: 4, by: "loop", at: "2013-05-02T06:00:00Z" }, { seq: 1, alias: "champion", before: null, version: 3, by: "ana", at: "2013-04-01T06:00:00Z" }], next: null };
