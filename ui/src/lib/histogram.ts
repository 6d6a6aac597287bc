// Two histograms on one axis, in few enough bins to be read. The server keeps up to 256 quantile bins; here they
// become bins of equal width, each source bin's count spread evenly over its width.

import type { Histogram } from "../api/types";
import { num } from "./format";

export interface Bin {
  label: string;
  reference: number;
  current: number;
}

export interface Bins {
  kind: "numbers" | "values";
  bins: Bin[];
  /** Shares of each side that are null. */
  referenceNulls: number;
  currentNulls: number;
  top: number;
  low: number;
  high: number;
}

function total(h: Histogram): number {
  return h.counts.reduce((sum, c) => sum + c, 0) + (h.below ?? 0) + (h.above ?? 0) + (h.other ?? 0);
}

/** The value below which `share` of a histogram's inner mass lies. */
export function quantile(h: Histogram, share: number): number | null {
  const edges = h.edges ?? [];
  const mass = h.counts.reduce((sum, c) => sum + c, 0);
  if (edges.length < 2 || mass === 0) return null;
  let left = share * mass;
  for (let i = 0; i < h.counts.length; i += 1) {
    const c = h.counts[i] ?? 0;
    const a = edges[i] ?? 0;
    const b = edges[i + 1] ?? a;
    if (c > 0 && left <= c) return a + (b - a) * (left / c);
    left -= c;
  }
  return edges[edges.length - 1] ?? null;
}

/** Mass below the first edge lands in the first bin, above the last in the last. */
export function rebin(h: Histogram, low: number, high: number, bins: number): number[] {
  const out = new Array<number>(bins).fill(0);
  const width = (high - low) / bins;
  const put = (x: number, mass: number): void => {
    const at = width > 0 ? Math.floor((x - low) / width) : 0;
    const bin = Math.max(0, Math.min(bins - 1, at));
    out[bin] = (out[bin] ?? 0) + mass;
  };
  const edges = h.edges ?? [];
  h.counts.forEach((c, i) => {
    if (c === 0) return;
    const a = edges[i] ?? low;
    const b = edges[i + 1] ?? a;
    if (b <= a || width <= 0) return put(a, c);
    const first = Math.floor((Math.max(a, low) - low) / width);
    const last = Math.floor((Math.min(b, high) - low) / width);
    const pieces = Math.max(1, Math.min(bins, last - first + 1));
    if (pieces === 1) return put((a + b) / 2, c);
    if (a < low) put(low, (c * (low - a)) / (b - a));
    if (b > high) put(high, (c * (b - high)) / (b - a));
    for (let k = Math.max(0, first); k <= Math.min(bins - 1, last); k += 1) {
      const overlap = Math.min(b, low + (k + 1) * width) - Math.max(a, low + k * width);
      if (overlap > 0) out[k] = (out[k] ?? 0) + (c * overlap) / (b - a);
    }
  });
  if (h.below) put(low, h.below);
  if (h.above) put(high, h.above);
  return out;
}

const OTHER = "all others";

export function side(reference: Histogram, current: Histogram, most = 32): Bins {
  const nulls = (h: Histogram): number => (h.n > 0 ? (h.nulls ?? 0) / h.n : 0);
  const shared = { referenceNulls: nulls(reference), currentNulls: nulls(current) };
  if (reference.values || current.values) return { ...shared, ...values(reference, current, Math.min(most, 12)) };
  const at = (h: Histogram, share: number): number[] => {
    const q = quantile(h, share);
    return q === null ? [] : [q];
  };
  let low = Math.min(...at(reference, 0.002), ...at(current, 0.002));
  let high = Math.max(...at(reference, 0.998), ...at(current, 0.998));
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [0, 1];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const share = (h: Histogram): number[] => {
    const all = total(h) || 1;
    return rebin(h, low, high, most).map((c) => c / all);
  };
  const a = share(reference);
  const b = share(current);
  const width = (high - low) / most;
  const bins = a.map((r, i) => ({
    label: `${num(low + i * width, 3)} to ${num(low + (i + 1) * width, 3)}`,
    reference: r,
    current: b[i] ?? 0,
  }));
  return { kind: "numbers", bins, ...shared, top: Math.max(0, ...a, ...b), low, high };
}

function values(reference: Histogram, current: Histogram, most: number): Omit<Bins, "referenceNulls" | "currentNulls"> {
  const shares = (h: Histogram): Map<string, number> => {
    const all = total(h) || 1;
    return new Map((h.values ?? []).map((v, i) => [v, (h.counts[i] ?? 0) / all]));
  };
  const a = shares(reference);
  const b = shares(current);
  const names = [...new Set([...a.keys(), ...b.keys()])].sort(
    (x, y) => Math.max(b.get(y) ?? 0, a.get(y) ?? 0) - Math.max(b.get(x) ?? 0, a.get(x) ?? 0) || (x < y ? -1 : 1),
  );
  const shown = names.length > most ? names.slice(0, most - 1) : names;
  const bins = shown.map((label) => ({ label, reference: a.get(label) ?? 0, current: b.get(label) ?? 0 }));
  const rest = (h: Histogram, m: Map<string, number>): number =>
    names.slice(shown.length).reduce((sum, v) => sum + (m.get(v) ?? 0), 0) + (h.other ?? 0) / (total(h) || 1);
  const others = { label: OTHER, reference: rest(reference, a), current: rest(current, b) };
  if (others.reference > 0 || others.current > 0) bins.push(others);
  return { kind: "values", bins, top: Math.max(0, ...bins.flatMap((x) => [x.reference, x.current])), low: 0, high: 0 };
}
