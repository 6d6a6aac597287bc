// A year of made-up flights for developing the console without a server: the shapes of `/api/v1`, always the same values.

const DAY = 86_400_000;
const START = Date.parse("2013-02-01T00:00:00Z");
const NOW = Date.parse("2013-06-12T09:30:00Z");
export const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
export const id = (n) => (n * 2654435761 % 4294967296).toString(16).padStart(8, "0") + "7c3f4a1b9d2e5f60" + n.toString(16).padStart(8, "0");

function random(seed) {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const normal = (r) => Math.sqrt(-2 * Math.log(1 - r())) * Math.cos(2 * Math.PI * r());

const FEATURES = [["departure", 0.31], ["precip", 0.12], ["visib", 0.1], ["carrier", 0.09], ["dest", 0.08], ["wind_speed", 0.07], ["temp", 0.06], ["humid", 0.05], ["pressure", 0.04], ["origin", 0.03], ["arrival", 0.02], ["distance", 0.02], ["dewp", 0.01], ["weekday", 0.01]];
const TEXT = new Set(["carrier", "dest", "origin"]);
const FAULT = [Date.parse("2013-05-06T00:00:00Z"), Date.parse("2013-05-13T00:00:00Z")];

function numbers(seed, mean, sd, n) {
  const r = random(seed);
  const xs = Array.from({ length: 900 }, () => mean + sd * normal(r)).sort((a, b) => a - b);
  const bins = 64;
  const edges = Array.from({ length: bins + 1 }, (_, i) => xs[Math.min(xs.length - 1, Math.floor((i / bins) * xs.length))]);
  return { edges, counts: Array.from({ length: bins }, () => Math.round(n / bins)), below: 0, above: 0, other: 0, nulls: Math.round(n * 0.004), n };
}
function shifted(reference, by, scale, n, seed) {
  const r = random(seed);
  const counts = reference.counts.map(() => 0);
  for (let i = 0; i < n; i += 1) {
    const u = Math.floor(r() * reference.counts.length);
    const x = (reference.edges[u] + r() * (reference.edges[u + 1] - reference.edges[u])) * scale + by;
    let k = reference.edges.findIndex((e) => x < e) - 1;
    if (x >= reference.edges.at(-1)) k = counts.length - 1;
    counts[Math.max(0, k)] += 1;
  }
  return { ...reference, counts, nulls: Math.round(n * 0.01), n };
}
function texts(values, seed, n) {
  const r = random(seed);
  const weights = values.map((_, i) => Math.max(0.01, 1 / (i + 1) + 0.2 * (r() - 0.5)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return { values, counts: weights.map((w) => Math.round((w / sum) * n)), below: 0, above: 0, other: 0, nulls: 0, n };
}
const CODES = { carrier: ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA"], origin: ["EWR", "JFK", "LGA"], dest: ["ORD", "ATL", "LAX", "BOS", "MCO", "CLT", "SFO", "FLL", "MIA", "DCA", "DTW", "DFW", "RDU", "TPA", "DEN"] };
const reference = (name, i) => (TEXT.has(name) ? texts(CODES[name], 50 + i, 26_398) : numbers(100 + i, 40 + i * 3, 12 + i, 26_398));

function drift(name, i, day, r, n, detail) {
  const season = name === "temp" || name === "dewp" ? Math.min(4.5, day / 26) : name === "humid" ? 0.6 + 0.5 * Math.sin(day / 9) : name === "precip" || name === "visib" ? 0.4 + 1.6 * r() ** 4 : 0.25 + 0.55 * r();
  const threshold = 0.08 + 0.01 * i;
  const value = threshold * season * (0.85 + 0.3 * r());
  const drifted = value > threshold * 1.05 && day > 6;
  const out = { column: name, test: TEXT.has(name) ? "total_variation" : "wasserstein", value, threshold, p_value: drifted ? 1e-9 : 0.03 + 0.9 * r(), q_value: drifted ? 1e-8 : 0.2 + 0.7 * r(), drifted, importance: FEATURES[i]?.[1] ?? null, suppressed: false, reference_mean: TEXT.has(name) ? null : 40, current_mean: TEXT.has(name) ? null : 40 + season, reference: null, current: null };
  if (detail) {
    out.reference = reference(name, i);
    out.current = TEXT.has(name) ? texts(CODES[name], 900 + day, n) : shifted(out.reference, (season - 0.5) * 7, 1, n, 77 + day);
  }
  return out;
}

export function window(day, detail = false) {
  const r = random(4000 + day);
  const from = START + day * DAY;
  const rows = Math.round(880 + 70 * Math.sin(day / 1.1) + 60 * r());
  const faulted = from >= FAULT[0] && from < FAULT[1];
  const names = FEATURES.map(([n]) => n).filter((n) => !(faulted && n === "distance"));
  const features = names.map((n) => drift(n, FEATURES.findIndex(([m]) => m === n), day, r, rows, detail));
  const checks = ["presence", "type", "nulls", "range"].flatMap((check) => ["distance", "departure", "temp"].map((column) => ({ check, column, severity: "error", passed: true, observed: "as in the reference", expected: "as in the reference", message: "" })));
  if (faulted) {
    checks.push({ check: "unit", column: "distance", severity: "error", passed: false, observed: "all quantiles × 1.609", expected: "80 to 4 983", message: "`distance` looks scaled by 1.609 (miles given as kilometres?)" });
    checks.push({ check: "range", column: "distance", severity: "error", passed: false, observed: "129 to 8 019", expected: "80 to 4 983", message: "`distance` leaves the reference's range in 61 of its rows" });
  } else if (day % 17 === 5) {
    checks.push({ check: "nulls", column: "precip", severity: "warning", passed: false, observed: "2.1 %", expected: "at most 1.6 %", message: "`precip` is null a little more often than in the reference" });
  }
  const drifted = features.filter((f) => f.drifted).length;
  const labelled = from + 2 * DAY <= NOW;
  const auc = 0.685 - 0.0006 * day + 0.04 * Math.sin(day / 8) + 0.02 * normal(r);
  return {
    id: id(10_000 + day), monitor: "flights", endpoint: "flights", from: iso(from), to: iso(from + DAY), rows, labelled_rows: labelled ? rows - 24 : 0, checks, features,
    prediction: drift("score", 14, day, r, rows, detail),
    performance: labelled ? { metric: "roc_auc", value: auc, low: auc - 0.035, high: auc + 0.035, baseline: 0.69, rows: rows - 24 } : null,
    model_version: 4, other_performance: [], rescores: [], verdict: faulted ? "failed" : drifted > 3 ? "drift" : "ok", judged_at: iso(from + DAY),
  };
}
export const windows = Array.from({ length: 131 }, (_, day) => {
  const one = window(day);
  return { ...one, checks: one.checks.filter((c) => !c.passed) };
});

const step = (name, kind, weight, state, entered, ended) => ({ name, kind, weight, state, hold: "1d", entered_at: entered ? iso(entered) : null, ended_at: ended ? iso(ended) : null, message: null });
const gate = { passed: true, reason: "the challenger's log loss is lower on the frozen window", checks: [{ name: "label_balance", passed: true, message: "late share 0.21 in the evaluation window, 0.19 to 0.27 in training parts" }, { name: "no_shared_row", passed: true, message: "training and evaluation share no row key" }, { name: "paired_bootstrap", passed: true, message: "difference below zero at 95 %" }], rows: 6_241, metric: "log_loss", champion: 0.4863, challenger: 0.4655, difference: { estimate: -0.0208, low: -0.0271, high: -0.0147 }, champion_auc: 0.672, challenger_auc: 0.7015 };
function rollout(n, at, from, to, state, guard) {
  const done = state === "promoted";
  const live = state === "canary";
  const d = (k) => at + k * DAY;
  return {
    id: id(20_000 + n), endpoint: "flights", model: "flights-delay", plan: id(90_000 + to), cause: n === 3 ? "sent by ana" : "alert: roc_auc is below the expected 0.690", from: from ? { revision: id(30_000 + from), version: from } : null, to: { revision: id(30_000 + to), version: to }, state: live ? "running" : state, step: done ? 4 : live ? 2 : 0,
    steps: [step("shadow", "shadow", 0, "done", d(0), d(1)), step("canary 5 %", "canary", 500, state === "rolled_back" ? "rolled_back" : "done", d(1), d(2)), step("canary 25 %", "canary", 2500, done ? "done" : live ? "current" : "skipped", done || live ? d(2) : null, done ? d(3) : null), step("canary 50 %", "canary", 5000, done ? "done" : live ? "pending" : "skipped", done ? d(3) : null, done ? d(4) : null), step("bake", "bake", 10000, done ? "done" : live ? "pending" : "skipped", done ? d(4) : null, done ? d(6) : null)],
    guardrails: guard ?? [
      { name: "quality", metric: "log_loss_difference", estimate: -0.0112, low: -0.0281, high: 0.0049, bound: 0.0146, verdict: "promote", n: 1_846, decides: true, message: null },
      { name: "score_shift", metric: "mean_score_difference", estimate: 0.018, low: 0.011, high: 0.025, bound: 0.05, verdict: "hold", n: 2_120, decides: true, message: null },
      { name: "errors", metric: "error_rate_difference", estimate: 0, low: -0.0021, high: 0.0021, bound: 0.01, verdict: "promote", n: 2_120, decides: true, message: null },
      { name: "split", metric: "sample_ratio", estimate: 0.252, low: 0.238, high: 0.267, bound: null, verdict: "promote", n: 2_120, decides: true, message: null },
      { name: "latency", metric: "p99_ratio", estimate: 1.04, low: 0.96, high: 1.13, bound: 1.5, verdict: "recorded", n: 2_120, decides: false, message: null },
    ],
    gate: n === 3 ? null : gate,
    weight: live ? 2500 : 0, looked_at: iso(d(2)), outcome: done ? 'promoted: better with certainty, n 5 120' : state === 'rolled_back' ? 'rolled back: quality is worse than the bound with certainty, n 412' : null, deadline: iso(d(14)),
    history: [{ at: iso(d(0)), text: n === 3 ? "opened by operator `ana`, past the gate" : "opened by plan, gate passed: log loss −0.0208 (−0.0271 to −0.0147), n 6 241" }, { at: iso(d(1)), text: "entered canary at 5 %" }, ...(done ? [{ at: iso(d(4)), text: "promoted: alias `champion` moved to the new version" }] : []), ...(state === "rolled_back" ? [{ at: iso(d(2)), text: "rolled back: quality is worse than the bound with certainty, n 412" }] : [])],
    created_at: iso(at), ended_at: state === "canary" ? null : iso(done ? d(6) : d(2)),
  };
}
const bad = [{ name: "quality", metric: "log_loss_difference", estimate: 0.212, low: 0.141, high: 0.284, bound: 0.0146, verdict: "roll_back", n: 412, decides: true, message: null }, { name: "split", metric: "sample_ratio", estimate: 0.049, low: 0.041, high: 0.058, bound: null, verdict: "promote", n: 8_400, decides: true, message: null }];
export const rollouts = [
  rollout(4, NOW - 2.6 * DAY, 4, 6, "canary"), rollout(3, NOW - 24 * DAY, 4, 5, "rolled_back", bad), rollout(2, NOW - 61 * DAY, 2, 4, "promoted"), rollout(1, NOW - 96 * DAY, 1, 2, "promoted"),
];

const alert = (n, kind, severity, cause, columns, from, to, closed) => ({ id: id(40_000 + n), monitor: "flights", endpoint: "flights", kind, severity, cause, columns, from: iso(from), to: iso(to), opened_at: iso(from + DAY), closed_at: closed ? iso(to + DAY) : null, evidence: {}, windows: windows.filter((w) => Date.parse(w.from) >= from && Date.parse(w.to) <= to).map((w) => w.id) });
export const alerts = [
  alert(4, "performance", "warning", "roc_auc 0.634 (0.599 to 0.669) is below the expected 0.690 in 3 of 5 windows", [], NOW - 9.4 * DAY, NOW - 3.4 * DAY, false),
  alert(3, "checks", "error", "`distance` looks scaled by 1.609 (miles given as kilometres?)", ["distance"], FAULT[0], FAULT[1], true),
  alert(2, "data_drift", "warning", "`temp` and `dewp` left the reference in 3 of 5 windows", ["temp", "dewp"], START + 34 * DAY, START + 44 * DAY, true),
];

const runId = (n) => id(50_000 + n);
function run(n, name, at, took, status) {
  const r = random(60 + n);
  const metrics = [["roc_auc", 0.66 + 0.01 * n + 0.01 * r()], ["log_loss", 0.49 - 0.006 * n], ["brier", 0.155 - 0.002 * n], ["train_rows", 26_398 + n * 27_000], ["train_loss", 0.43], ["valid_loss", 0.455], ["learning_rate", 0.1]];
  return {
    id: runId(n), name, experiment_id: n === 9 ? "2" : "1", experiment: n === 9 ? "sandbox" : "flights", status, started_at: iso(at), ended_at: status === "RUNNING" ? null : iso(at + took * 1000), user: n === 9 ? "ana" : "loop",
    metrics: metrics.map(([key, value]) => ({ key, value, step: key.endsWith("loss") && key !== "log_loss" ? 119 : 0, at: iso(at + took * 900) })),
    params: [["learning_rate", "0.1"], ["max_iter", "120"], ["max_leaf_nodes", "31"], ["l2_regularization", "1.0"], ["seed", "0"]].map(([key, value]) => ({ key, value })),
    tags: [["trimtab.execution", id(70_000 + n)], ["mlflow.source.git.commit", "6a46b7e2c0d14b5f9a3e7f8d2b1c0a9e8d7f6b5c"], ["mlflow.user", "loop"], ["trimtab.trigger", "retrain"]].map(([key, value]) => ({ key, value })),
    datasets: [{ name: "flights-train", digest: id(80_000 + n), context: "training" }],
    artifacts: [["model", true, null], ["dvc.lock", false, 612]].map(([path, is_dir, size]) => ({ path, is_dir, size })),
    versions: n < 9 ? [{ model: "flights-delay", version: n }] : [],
  };
}
export const runs = [run(6, "train flights #6", NOW - 3 * DAY, 14, "RUNNING"), run(9, "try deeper trees", NOW - 5 * DAY, 31, "FAILED"), run(5, "train flights #5", NOW - 25 * DAY, 13, "FINISHED"), run(4, "train flights #4", NOW - 62 * DAY, 12, "FINISHED"), run(3, "train flights #3", NOW - 80 * DAY, 11, "FINISHED"), run(2, "train flights #2", NOW - 97 * DAY, 9, "FINISHED"), run(1, "train flights #1", START - DAY, 6, "FINISHED")];
export function history(key, tick) {
  const r = random(key.length * 31);
  const many = ["train_loss", "valid_loss", "learning_rate"].includes(key);
  const n = many ? 60 + (tick % 60) : 1;
  const at = NOW - 3 * DAY;
  return { key, points: Array.from({ length: n }, (_, i) => ({ step: i, value: key === "learning_rate" ? 0.1 * 0.99 ** i : key === "train_rows" ? 188_000 : 0.41 + 0.28 * Math.exp(-i / 22) + (key === "valid_loss" ? 0.02 + i * 0.0001 : 0) + 0.004 * normal(r), at: iso(at + i * 250) })), next: null };
}

const datasetId = (n) => id(80_000 + n);
export function dataset(n, detail) {
  const rows = 26_398 + n * 27_000;
  const from = START - 31 * DAY;
  const columns = ["event_time", "flight_id", ...FEATURES.map(([f]) => f), "late"];
  const out = { id: datasetId(n), name: "flights-train", number: n, digest: id(n) + id(n + 1), rows, columns: columns.map((name) => ({ name, type: name === "event_time" ? "timestamp" : TEXT.has(name) || name === "flight_id" ? "text" : "float", nullable: false })), source: n === 1 ? { kind: "table", path: "history.parquet" } : { kind: "events", endpoint: "flights", labelled: true, exclude_quarantined: true, rows_excluded: n > 4 ? 7_012 : 0 }, from: iso(from), to: iso(START + n * 20 * DAY), created_at: iso(START + n * 20 * DAY), created_by: "loop" };
  if (detail) {
    out.profile = columns.map((name, i) => ({ name, count: rows, nulls: name === "precip" ? 310 : 0, distinct: TEXT.has(name) ? CODES[name].length : name === "late" ? 2 : 900 + i, numeric: TEXT.has(name) || name === "event_time" || name === "flight_id" ? null : { min: i, max: 90 + i * 3, mean: 40 + i * 3, std: 12 }, values: TEXT.has(name) ? texts(CODES[name], 5, rows).values.map((value, k) => ({ value, count: texts(CODES[name], 5, rows).counts[k] })) : [] }));
  }
  return out;
}
export const datasets = [6, 5, 4, 3, 2, 1].map((n) => dataset(n, false));

const COMMIT = "6a46b7e2c0d14b5f9a3e7f8d2b1c0a9e8d7f6b5c";
const ref = (kind, i) => ({ kind, id: i });
export function lineage(kind, node, direction) {
  const all = [];
  for (const n of [1, 2, 4, 5, 6]) {
    const v = ref("model_version", `flights-delay/${n}`);
    all.push({ from: v, relation: "made_by", to: ref("run", runId(n)), at: iso(NOW) }, { from: ref("run", runId(n)), relation: "trained_on", to: ref("dataset_version", datasetId(n)), at: iso(NOW) }, { from: ref("run", runId(n)), relation: "code", to: ref("commit", COMMIT), at: iso(NOW) }, { from: ref("revision", id(30_000 + n)), relation: "serves", to: v, at: iso(NOW) }, { from: ref("endpoint", "flights"), relation: "has", to: ref("revision", id(30_000 + n)), at: iso(NOW) });
  }
  const edges = [];
  const seen = new Set();
  let front = [`${kind} ${node}`];
  const k = (x) => `${x.kind} ${x.id}`;
  while (front.length > 0) {
    const next = [];
    for (const at of front) for (const e of all) {
      const [a, b] = direction === "upstream" ? [k(e.from), k(e.to)] : [k(e.to), k(e.from)];
      if (a !== at || seen.has(e)) continue;
      seen.add(e);
      edges.push(e);
      next.push(b);
    }
    front = next;
  }
  return { node: ref(kind, node), edges, predictions: kind === "dataset_version" && direction === "downstream" ? [{ endpoint: "flights", rows: 61_204, from: iso(START + 40 * DAY), to: iso(NOW) }] : [] };
}

const planStep = (name, state, at, took, output, error = null) => ({ name, state, started_at: at ? iso(at) : null, ended_at: took === null ? null : iso(at + took), output, error });
export function plan(n, state, at) {
  const refused = state === "refused";
  return { id: id(90_000 + n), trigger: "retrain", endpoint: "flights", cause: n === 3 ? "person: ana" : "alert: roc_auc 0.634 is below the expected 0.690", state, created_at: iso(at), ended_at: state === "running" ? null : iso(at + 6 * DAY), run: runId(n), rollout: id(20_000 + n), steps: [
    planStep("freeze", "done", at, 0, { from: iso(at - 7 * DAY), to: iso(at), rows: 6_241 }), planStep("dataset", "done", at, 800, { dataset_version: datasetId(n), rows: 26_398 + n * 27_000, rows_excluded: 7_012 }), planStep("train", "done", at, 14_000, { run: runId(n), commit: COMMIT, stages: ["train"] }), planStep("register", "done", at, 300, { model_version: `flights-delay/${n}` }),
    refused ? planStep("gate", "failed", at, 2_000, { passed: false, difference: { estimate: 0.31, low: 0.27, high: 0.35 } }, "the challenger's log loss is higher with certainty: 0.31 (0.27 to 0.35), n 6 241") : planStep("gate", "done", at, 2_000, gate),
    refused ? planStep("rollout", "skipped", null, null, null) : planStep("rollout", state === "running" ? "running" : "done", at, state === "running" ? null : 6 * DAY, { rollout: rollouts[0].id }), planStep("verdict", state === "promoted" ? "done" : "pending", null, null, null),
  ] };
}
export const plans = [plan(6, "running", NOW - 2.7 * DAY), plan(3, "refused", NOW - 80 * DAY), plan(4, "promoted", NOW - 62 * DAY), plan(2, "promoted", NOW - 97 * DAY)];

const version = (n) => ({ model: "flights-delay", version: n, run_id: runId(n), source: `runs:/${runId(n)}/model`, status: "READY", tags: { gate: n === 3 ? "refused" : n === 5 ? "skipped" : "passed" }, aliases: n === 4 ? ["champion"] : [], created_at: iso(START + n * 20 * DAY), created_by: n === 5 ? "ana" : "loop" });
export const model = { name: "flights-delay", description: "Will this flight arrive more than 15 minutes late?", created_at: iso(START), latest_version: 6, aliases: [{ alias: "champion", version: 4 }], versions: [6, 5, 4, 3, 2, 1].map(version) };

export const decisions = [
  { at: iso(NOW - 0.6 * DAY), endpoint: "flights", kind: "rollout_step", text: "canary of v6 raised to 25 %: quality −0.0112 (−0.0281 to 0.0049), n 1 846", object: ref("rollout", rollouts[0].id), evidence: { low: -0.0281, high: 0.0049, n: 1846 } },
  { at: iso(NOW - 2.6 * DAY), endpoint: "flights", kind: "gate_passed", text: "v6 passed the gate against v4: log loss −0.0208 (−0.0271 to −0.0147)", object: ref("rollout", rollouts[0].id), evidence: gate },
  { at: iso(NOW - 2.7 * DAY), endpoint: "flights", kind: "trained", text: "v6 trained on 188 398 labelled rows, 7 012 quarantined rows left out", object: ref("run", runId(6)), evidence: { run: runId(6), dataset_version: datasetId(6) } },
  { at: iso(NOW - 3.4 * DAY), endpoint: "flights", kind: "alert", text: "roc_auc 0.634 (0.599 to 0.669) is below the expected 0.690 in 3 of 5 windows", object: ref("monitor", "flights"), evidence: null },
  { at: iso(NOW - 22 * DAY), endpoint: "flights", kind: "rolled_back", text: "v5 rolled back at 5 %: log loss +0.212 (0.141 to 0.284) against a bound of 0.0146, n 412", object: ref("rollout", rollouts[1].id), evidence: { n: 412 } },
  { at: iso(FAULT[0] + 2 * DAY), endpoint: "flights", kind: "quarantine", text: "`distance` looks scaled by 1.609 (miles given as kilometres?): 2013-05-05 to 2013-05-13 quarantined", object: ref("monitor", "flights"), evidence: { column: "distance", factor: 1.609 } },
];

const revision = (n, state) => ({ id: id(30_000 + n), endpoint: "flights", model: "flights-delay", version: n, state, error: null, created_at: iso(START + n * 20 * DAY) });
export const endpoint = { name: "flights", project: "flights", model: "flights-delay", alias: "champion", row_key: "flight_id", event_time: "caller", label: "late", score: null, pin: null, autonomy: "act", revisions: [revision(6, "ready"), revision(5, "retired"), revision(4, "ready"), revision(2, "retired"), revision(1, "retired")], traffic: { champion: id(30_004), canary: { revision: id(30_006), weight: 2500 }, shadow: null, generation: 14 }, events: { first: iso(START), last: iso(NOW - 3600_000), rows: 121_402 } };
export const monitor = { name: "flights", endpoint: "flights", project: "flights", window: "1d", last_judged_to: windows.at(-1).to };
const last = windows.at(-1);
export const home = {
  endpoints: [{ endpoint: "flights", project: "flights", model: "flights-delay", data: { first_event_at: iso(START), last_event_at: endpoint.events.last, rows: endpoint.events.rows }, checks: { monitor: "flights", window: last.id, from: last.from, to: last.to, rows: last.rows, passed: 12, failed: last.checks.filter((c) => !c.passed).length }, run: { id: runs[0].id, name: runs[0].name, status: runs[0].status, started_at: runs[0].started_at, ended_at: null }, champion: { revision: id(30_004), version: 4, since: iso(NOW - 57 * DAY) }, health: { state: "ready", ready: 2, revisions: 2, message: null }, drift: { monitor: "flights", window: last.id, from: last.from, to: last.to, rows: last.rows, drifted: last.features.filter((f) => f.drifted).length, features: last.features.length, verdict: last.verdict }, rollout: { id: rollouts[0].id, state: "running", step: 2, steps: 5, version: 6, weight: 2500 }, open_alerts: 1 }],
  runs: [], next_command: null,
};
export const clock = { now: iso(NOW), replay: true };
export const server = { version: "0.1.0", workspace: "default", principal: "local", role: "admin", onnx_runtime: "1.23", problems: [], database: "sqlite", started_at: iso(NOW) };
