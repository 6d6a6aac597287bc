import { describe, expect, it } from "vitest";
import type { FeatureDrift, MonitorWindow, WindowCheck } from "../src/api/types";
import { CHECKS, level, matrix, MOST_FEATURES, pageOf, PREDICTION, ratio, step, ticks } from "../src/lib/heat";

const feature = (column: string, value: number, importance: number | null = null): FeatureDrift => ({
  column, test: "wasserstein", value, threshold: 0.1, p_value: 0.5, q_value: 0.5, drifted: value > 0.1, importance, suppressed: false,
});
const check = (column: string | null, passed: boolean, severity = "error"): WindowCheck => ({ check: "unit", column, severity, passed, observed: "", expected: "", message: "" });
const window = (id: string, from: string, rest: Partial<MonitorWindow> = {}): MonitorWindow => ({
  id, monitor: "m", endpoint: "e", from, to: from, rows: 10, labelled_rows: 0, checks: [], features: [], prediction: null, performance: null, other_performance: [], verdict: "ok", judged_at: from, rescores: [], ...rest,
});

describe("a cell's strength", () => {
  it("grows with effect over threshold", () => {
    expect([0, 0.04, 0.07, 0.1, 0.16, 0.3, 0.4, 9].map((v) => level(v, 0.1))).toEqual([0, 0, 1, 2, 3, 4, 5, 5]);
  });
  it("stands without a threshold or a finite effect", () => {
    expect([level(0, 0), level(0.1, 0), level(Infinity, 1), level(NaN, 1)]).toEqual([0, 5, 5, 0]);
    expect(ratio(0.3, 0.1)).toBeCloseTo(3);
  });
});

describe("the matrix", () => {
  it("has rows by importance and columns by time", () => {
    const map = matrix([
      window("late", "2013-02-02T00:00:00Z", { features: [feature("a", 0.2, 0.1), feature("b", 0.01, 0.6)], prediction: feature("score", 0.05) }),
      window("early", "2013-02-01T00:00:00Z", { features: [feature("b", 0.3, 0.6), feature("c", 0.3)] }),
    ]);
    expect(map.windows.map((w) => w.id)).toEqual(["early", "late"]);
    expect(map.rows.map((r) => r.key)).toEqual([CHECKS, "b", "a", "c", PREDICTION]);
    expect(map.rows[1]?.cells.map((c) => c.level)).toEqual([4, 0]);
    expect(map.rows[2]?.cells.map((c) => c.level)).toEqual([null, 3]);
  });
  it("marks the column whose check failed, and not for a warning", () => {
    const map = matrix([window("w", "2013-02-01T00:00:00Z", { checks: [check("distance", false), check("temp", false, "warning"), check("dest", true)] })]);
    const failed = Object.fromEntries(map.rows.map((r) => [r.key, r.cells[0]?.checkFailed]));
    expect(failed).toEqual({ [CHECKS]: true, distance: true, temp: false, dest: false });
  });
  it("is empty without windows", () => {
    expect(matrix([])).toEqual({ windows: [], rows: [{ key: CHECKS, label: "checks", importance: null, cells: [] }] });
  });
});

it("draws a bounded number of features, the checks and the prediction always", () => {
  const features = Array.from({ length: 500 }, (_, i) => feature(`f${String(i).padStart(3, "0")}`, 0.01));
  const { rows } = matrix([window("w", "2013-02-01T00:00:00Z", { features, prediction: feature("score", 0.1) })]);
  const second = pageOf(rows, MOST_FEATURES);
  expect(second.rows.map((r) => r.key).slice(0, 2)).toEqual([CHECKS, `f0${MOST_FEATURES}`]);
  expect(second.rows.at(-1)?.key).toBe(PREDICTION);
  expect(second.rows).toHaveLength(MOST_FEATURES + 2);
  expect(second.features).toBe(500);
  expect(pageOf(rows, 9999).start).toBe(0);
  expect(pageOf(rows, NaN).start).toBe(0);
});

it("is walked by arrow keys and stops at its edges", () => {
  const at = { row: 0, column: 0 };
  expect(step("ArrowLeft", at, 3, 4)).toEqual(at);
  expect(step("ArrowRight", at, 3, 4)).toEqual({ row: 0, column: 1 });
  expect(step("ArrowDown", { row: 2, column: 1 }, 3, 4)).toEqual({ row: 2, column: 1 });
  expect(step("End", at, 3, 4)).toEqual({ row: 0, column: 3 });
  expect(step("PageDown", at, 3, 4)).toEqual({ row: 2, column: 0 });
  expect(step("x", at, 3, 4)).toBeNull();
});

it("labels months where they fit, else days, never too many", () => {
  const days = Array.from({ length: 100 }, (_, i) => new Date(Date.UTC(2013, 1, 10 + i)).toISOString());
  expect(ticks(days, 8).map((t) => t.text)).toEqual(["2013-02", "2013-03", "2013-04", "2013-05"]);
  expect(ticks(days.slice(0, 12), 4).map((t) => t.text)).toEqual(["02-10", "02-13", "02-16", "02-19"]);
  expect(ticks(days, 2).length).toBeLessThanOrEqual(2);
  expect(ticks([], 4)).toEqual([]);
});
