import { describe, expect, it } from "vitest";
import type { Histogram } from "../src/api/types";
import { quantile, rebin, side } from "../src/lib/histogram";
import { intervalScale } from "../src/lib/interval";

const numbers = (edges: number[], counts: number[], more: Partial<Histogram> = {}): Histogram => ({
  edges, values: null, counts, below: 0, above: 0, other: 0, nulls: 0, n: counts.reduce((a, b) => a + b, 0), ...more,
});
const texts = (all: Record<string, number>, more: Partial<Histogram> = {}): Histogram => ({
  edges: null, values: Object.keys(all), counts: Object.values(all), below: 0, above: 0, other: 0, nulls: 0, n: Object.values(all).reduce((a, b) => a + b, 0), ...more,
});
const sum = (xs: number[]): number => xs.reduce((a, b) => a + b, 0);

describe("bins of equal width", () => {
  it("keep all the mass, with what lies outside in the end bins", () => {
    const h = numbers([0, 1, 5, 10], [10, 40, 50], { below: 3, above: 7 });
    const bins = rebin(h, 0, 10, 10);
    expect(sum(bins)).toBeCloseTo(110);
    expect(bins[0]).toBeCloseTo(13);
    expect(bins[9]).toBeCloseTo(17);
    expect(bins[2]).toBeCloseTo(10);
  });
  it("keep it too when the range cuts a source bin, or a bin has no width", () => {
    expect(sum(rebin(numbers([0, 100], [100]), 40, 60, 4))).toBeCloseTo(100);
    expect(sum(rebin(numbers([5, 5, 6], [30, 10]), 0, 10, 5))).toBeCloseTo(40);
    expect(sum(rebin(numbers([5, 5], [30]), 5, 5, 5))).toBeCloseTo(30);
  });
  it("find quantiles inside a bin", () => {
    expect(quantile(numbers([0, 10], [100]), 0.25)).toBeCloseTo(2.5);
    expect(quantile(numbers([], []), 0.5)).toBeNull();
  });
});

describe("two histograms side by side", () => {
  it("share one axis and are shares of their own rows", () => {
    const both = side(numbers([0, 10], [1000]), numbers([0, 10], [0], { above: 50, nulls: 50, n: 100 }), 10);
    expect(both.kind).toBe("numbers");
    expect(sum(both.bins.map((b) => b.reference))).toBeCloseTo(1);
    expect(sum(both.bins.map((b) => b.current))).toBeCloseTo(1);
    expect(both.currentNulls).toBeCloseTo(0.5);
  });
  it("show the most frequent values and gather the rest", () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`v${i}`, 30 - i]));
    const both = side(texts(many, { other: 5, n: sum(Object.values(many)) + 5 }), texts({ v0: 1, fresh: 99 }));
    expect(both.bins.length).toBe(12);
    expect(both.bins[0]?.label).toBe("fresh");
    expect(both.bins.at(-1)?.label).toBe("all others");
    expect(sum(both.bins.map((b) => b.reference))).toBeCloseTo(1);
  });
  it("stand empty input", () => {
    expect(side(numbers([], []), numbers([], [])).top).toBe(0);
    expect(side(numbers([3, 3], [5]), numbers([3, 3], [5])).bins.length).toBeGreaterThan(0);
  });
});

describe("an interval bar", () => {
  it("orders low, estimate, high and bound from left to right, with zero where it is near", () => {
    const s = intervalScale({ estimate: -0.01, low: -0.03, high: 0.005, bound: 0.015 });
    const at = [s?.low, s?.estimate, s?.zero, s?.high, s?.bound];
    expect(at).toEqual([...at].sort((a, b) => (a ?? 0) - (b ?? 0)));
    expect(at.every((x) => typeof x === "number" && x > 0 && x < 1)).toBe(true);
  });
  it("does not squeeze everything to show a far zero, and needs something to show", () => {
    expect(intervalScale({ estimate: 1000, low: 999, high: 1001, bound: null })?.zero).toBeNull();
    expect(intervalScale({ estimate: null, low: null, high: NaN, bound: undefined })).toBeNull();
    expect(intervalScale({ estimate: 2, low: 2, high: 2, bound: 2 })?.estimate).toBeGreaterThan(0);
  });
});
