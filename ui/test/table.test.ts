import { describe, expect, it } from "vitest";
import type { RunKeys, RunRow } from "../src/api/types";
import { lacking, MOST_RUNS, type Search } from "../src/lib/lacking";
import { common } from "../src/lib/metrics";
import { cell, column, defaults, differing, merged, quoted, readState, turned, visible, writeState } from "../src/lib/table";

const keys: RunKeys = {
  metrics: [{ key: "loss", low: 0.1, high: 0.9 }, { key: "same", low: 1, high: 1 }, { key: "system/cpu", low: 1, high: 9 }],
  params: [{ key: "lr", low: "0.01", high: "0.1" }, { key: "seed", low: "0", high: "0" }],
  tags: [{ key: "mlflow.user", low: "ana", high: "bo" }, { key: "team", low: "a", high: "a" }],
  is_cut: false,
};
const row = (over: Partial<RunRow>): RunRow => ({ id: "a", name: "n", experiment_id: "1", experiment: "e", status: "FINISHED", user: null, started_at: "2026-01-01T00:00:00Z", ended_at: null, metrics: {}, params: {}, tags: {}, ...over });

describe("the state of the runs table", () => {
  it("goes into the address and comes back the same", () => {
    const state = { experiments: ["3", "a/b,c"], filter: "metrics.`val loss` < 0.1 AND tags.a = 'x&y'", order: { by: "metrics.`val loss`", up: false }, columns: ["metrics.val loss", "params.a,b"], differ: true, view: "all" as const };
    const text = writeState(new URLSearchParams("tab=x&experiment=9&column=old"), state);
    const query = new URLSearchParams(text);
    expect(readState(query)).toEqual(state);
    expect(query.get("tab")).toBe("x");
  });
  it("leaves out what is as by default", () => {
    expect(writeState(new URLSearchParams(), readState(new URLSearchParams()))).toBe("");
    expect(readState(new URLSearchParams("order=metrics.loss")).order).toEqual({ by: "metrics.loss", up: true });
  });
  it("sorts up, down, and then as by default", () => {
    const up = turned(null, "metrics.loss");
    expect([up, turned(up, "metrics.loss"), turned(turned(up, "metrics.loss"), "metrics.loss")]).toEqual([{ by: "metrics.loss", up: true }, { by: "metrics.loss", up: false }, null]);
    expect(turned(up, "params.lr")).toEqual({ by: "params.lr", up: true });
  });
});

describe("columns", () => {
  it("are named so that a key may hold dots and blanks, and are ordered by in MLflow's grammar", () => {
    expect(column("metrics.val.loss")).toMatchObject({ kind: "metrics", key: "val.loss", order: "metrics.`val.loss`" });
    expect([quoted("loss"), quoted("a b"), quoted("a`b")]).toEqual(["loss", "`a b`", '"a`b"']);
    expect([column("metrics."), column("loss"), column("other.x")]).toEqual([null, null, null]);
  });
  it("are chosen without system metrics and the client's own tags", () => {
    const grouped = { ...keys, metrics: ["a/x", "b", "system/cpu"].map((key) => ({ key, low: 0, high: 1 })) };
    expect(defaults(grouped).slice(0, 2)).toEqual(["metrics.b", "metrics.a/x"]);
    expect(defaults(keys)).toEqual(["metrics.loss", "metrics.same", "params.lr", "params.seed", "tags.team"]);
  });
  it("differ where the ends of their values do", () => {
    expect([...differing(keys)]).toEqual(["metrics.loss", "metrics.system/cpu", "params.lr", "tags.mlflow.user"]);
  });
  it("differ where some runs have a value and others none", async () => {
    const pages: RunRow[][] = [[row({ metrics: { one: 1, all: 1 }, params: { p: "x" } })], [row({ metrics: { all: 1 }, params: { p: "x" } })], [row({ metrics: { one: 1, all: 1 } })]];
    const asked: (string[] | null | undefined)[] = [];
    const search: Search = (query) => {
      asked.push(query.columns);
      const at = Number(query.page ?? 0);
      return Promise.resolve({ items: pages[at] ?? [], next: at + 1 < pages.length ? String(at + 1) : null });
    };
    const found = await lacking(["metrics.one", "metrics.all", "params.p"], { experiments: ["1"] }, search);
    expect([...found].sort()).toEqual(["metrics.one", "params.p"]);
    // What is known already is not asked for again, and what is settled ends the search.
    expect(asked[2]).toEqual(["metrics.all", "params.p"]);
    asked.length = 0;
    await lacking(["metrics.one"], {}, search);
    expect(asked).toHaveLength(2);
  });
  it("are looked at in a bounded number of runs", async () => {
    let answers = 0;
    const search: Search = (query) => {
      answers += 1;
      return Promise.resolve({ items: Array.from({ length: query.limit ?? 0 }, () => row({ params: { seed: "0" } })), next: "more" });
    };
    expect(await lacking(["params.seed"], {}, search)).toEqual(new Set());
    expect(answers).toBe(MOST_RUNS / 1_000);
  });
  it("join the cells of several answers, the newer over the older", () => {
    const joined = merged(row({ metrics: { a: 1, b: 2 }, params: { p: "x" } }), row({ status: "RUNNING", metrics: { b: 3 } }));
    expect(joined).toMatchObject({ status: "RUNNING", metrics: { a: 1, b: 3 }, params: { p: "x" } });
    const at = column("metrics.b");
    expect(at && cell(joined, at)).toBe(3);
  });
});

describe("the metrics of a few runs", () => {
  const of = (...keys: string[]): { metrics: { key: string }[] } => ({ metrics: keys.map((key) => ({ key })) });
  it("are those that most of them measured, never the machine's", () => {
    const runs = [of("system/cpu", "usage/cpu_seconds", "loss"), of("system/cpu", "acc", "loss"), of("system/cpu", "b")];
    expect(common(runs, 5)).toEqual(["loss", "acc", "b"]);
    expect(common(runs, 1)).toEqual(["loss"]);
    expect(common([of("system/cpu")], 5)).toEqual([]);
  });
});

describe("what is on the screen", () => {
  const ends = [100, 200, 300, 400];
  it.each([
    [0, 100, { from: 0, to: 1 }],
    [50, 250, { from: 0, to: 3 }],
    [100, 300, { from: 1, to: 3 }],
    [-500, 9_999, { from: 0, to: 4 }],
    [900, 950, { from: 4, to: 4 }],
  ])("between %i and %i", (left, right, span) => expect(visible(ends, left, right)).toEqual(span));
  it("is nothing of no columns", () => expect(visible([], 0, 100)).toEqual({ from: 0, to: 0 }));
});
