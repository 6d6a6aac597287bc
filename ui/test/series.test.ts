import { describe, expect, it } from "vitest";
import { named, unnamed } from "../src/lib/measures.svelte";
import { aligned, colour, curve, groups, positive, smooth } from "../src/lib/series";

const series = { run: "a", key: "loss", steps: [0, 10, 20], at_ms: [1_000, 2_500, 4_000], values: [1, null, 3] };

describe("curves", () => {
  it("run over steps, time, or time since the start", () => {
    expect(curve(series, "step")).toEqual({ x: [0, 10, 20], y: [1, null, 3] });
    expect(curve(series, "time").x).toEqual([1, 2.5, 4]);
    expect(curve(series, "relative").x).toEqual([0, 1.5, 3]);
  });
  it("run over another metric by its last value up to each step", () => {
    const other = { run: "a", key: "epoch", steps: [5, 20], at_ms: [0, 0], values: [1, 2] };
    expect(curve(series, "metric:epoch", other)).toEqual({ x: [1, 2], y: [null, 3] });
    expect(curve(series, "metric:epoch")).toEqual({ x: [], y: [] });
  });
  it("keep the last value of an x that comes twice", () => {
    expect(curve({ ...series, steps: [1, 1, 0] }, "step")).toEqual({ x: [0, 1], y: [3, null] });
  });
  it("share one x, with gaps where one has no point", () => {
    expect(aligned([{ x: [0, 2], y: [1, 2] }, { x: [1, 2], y: [3, 4] }])).toEqual([[0, 1, 2], [1, null, 2], [null, 3, 4]]);
    expect(aligned([])).toEqual([[]]);
  });
  it("lose what a logarithm cannot take", () => {
    const at = { x: [0, 1, 2], y: [5, -1, 2] };
    expect(positive(at, true, true)).toEqual({ x: [1, 2], y: [null, 2] });
    expect(positive(at, false, false)).toEqual(at);
  });
});

describe("smoothing", () => {
  it("leaves a constant as it is from its first point on, and gaps as gaps", () => {
    const flat = smooth([2, null, 2, 2], 0.9);
    expect(flat[1]).toBeNull();
    for (const value of [flat[0], flat[2], flat[3]]) expect(value).toBeCloseTo(2, 12);
  });
  it("is nothing at zero, and less than a jump otherwise", () => {
    expect(smooth([0, 1], 0)).toEqual([0, 1]);
    expect(smooth([0, 1], 0.9)[1]).toBeCloseTo(0.1 / 0.19, 12);
  });
});

describe("values that are not finite", () => {
  const runs = [{ id: "a", metrics: [{ key: "loss", value: 1 }, { key: "nan", value: null }] }, { id: "b", metrics: [{ key: "loss", value: 2 }] }];
  it("are asked for by their keys, and nothing is asked where all are finite", () => {
    expect(unnamed(runs)).toEqual({ ids: ["a"], columns: ["metrics.nan"] });
    expect(unnamed(runs.slice(1))).toBeNull();
  });
  it("have their names in the answer", () => {
    expect(named([{ id: "a", metrics: { nan: "NaN", up: "Infinity", down: "-Infinity", loss: 1 } }]).get("a")).toEqual({ nan: "NaN", up: "Infinity", down: "-Infinity" });
  });
});

describe("groups", () => {
  it("are by what stands before the last slash, in the order of numbers", () => {
    expect(groups(["train/loss", "loss", "train/acc", "layer10/w", "layer2/w", "a/b/c"])).toEqual([
      { prefix: "", keys: ["loss"] },
      { prefix: "a/b", keys: ["a/b/c"] },
      { prefix: "layer2", keys: ["layer2/w"] },
      { prefix: "layer10", keys: ["layer10/w"] },
      { prefix: "train", keys: ["train/acc", "train/loss"] },
    ]);
  });
  it("have colours that differ for thirty runs", () => {
    expect(new Set(Array.from({ length: 30 }, (_, i) => colour(i, false))).size).toBe(30);
  });
});
