// Curves: which x, how smooth, in which group. Pure functions on what `/api/v1/series` answers.

import type { Series } from "../api/types";

/** `step`, `time` (of day), `relative` (seconds since the curve's first point), or another metric: `metric:KEY`. */
export type Axis = string;

export interface Curve {
  x: number[];
  y: (number | null)[];
}

/** The curve over the axis; over another metric, each point takes that metric's last value up to its step. */
export function curve(series: Series, axis: Axis, other?: Series): Curve {
  const points: { x: number; y: number | null }[] = [];
  const first = Math.min(...series.at_ms);
  let next = 0;
  let last: number | null = null;
  for (let i = 0; i < series.steps.length; i += 1) {
    const y = series.values[i] ?? null;
    const step = series.steps[i] ?? 0;
    const at = series.at_ms[i] ?? 0;
    if (axis === "time") points.push({ x: at / 1000, y });
    else if (axis === "relative") points.push({ x: (at - first) / 1000, y });
    else if (axis.startsWith("metric:")) {
      while (other && next < other.steps.length && (other.steps[next] ?? 0) <= step) {
        last = other.values[next] ?? last;
        next += 1;
      }
      if (last !== null) points.push({ x: last, y });
    } else points.push({ x: step, y });
  }
  points.sort((a, b) => a.x - b.x);
  // An x that comes twice keeps its last value: a line is a function.
  const out: Curve = { x: [], y: [] };
  for (const point of points) {
    if (out.x.length > 0 && out.x[out.x.length - 1] === point.x) out.y[out.y.length - 1] = point.y;
    else {
      out.x.push(point.x);
      out.y.push(point.y);
    }
  }
  return out;
}

/** An exponential moving average without the pull towards zero at its start; `weight` in 0..1, gaps stay gaps. */
export function smooth(y: (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return y;
  const w = Math.min(weight, 0.999);
  let sum = 0;
  let share = 1;
  return y.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    sum = sum * w + (1 - w) * value;
    share *= w;
    return sum / (1 - share);
  });
}

/** Curves over one x: every x that any has, with null where a curve has no point. */
export function aligned(curves: Curve[]): [number[], ...(number | null)[][]] {
  const xs = [...new Set(curves.flatMap((c) => c.x))].sort((a, b) => a - b);
  const place = new Map(xs.map((x, i) => [x, i]));
  const ys = curves.map((c) => {
    const out: (number | null)[] = new Array<number | null>(xs.length).fill(null);
    c.x.forEach((x, i) => {
      out[place.get(x) ?? 0] = c.y[i] ?? null;
    });
    return out;
  });
  return [xs, ...ys];
}

/** What a logarithm can take; the rest is a gap. */
export function positive(curve: Curve, x: boolean, y: boolean): Curve {
  const keep = curve.x.map((value) => !x || value > 0);
  return {
    x: curve.x.filter((_, i) => keep[i]),
    y: curve.y.filter((_, i) => keep[i]).map((value) => (y && value !== null && value <= 0 ? null : value)),
  };
}

export interface Group {
  prefix: string;
  keys: string[];
}

/** Keys by what stands before their last slash; those without one come first, with an empty prefix. */
export function groups(keys: string[]): Group[] {
  const by = new Map<string, string[]>();
  for (const key of [...keys].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))) {
    const prefix = key.slice(0, Math.max(0, key.lastIndexOf("/")));
    const known = by.get(prefix);
    if (known) known.push(key);
    else by.set(prefix, [key]);
  }
  return [...by].map(([prefix, inside]) => ({ prefix, keys: inside })).sort((a, b) => (a.prefix === "" ? -1 : b.prefix === "" ? 1 : a.prefix.localeCompare(b.prefix, "en", { numeric: true })));
}

/** Distinct colours, each with the same weight to the eye; the first is the console's own. */
const HUES = [188, 32, 262, 138, 350, 215, 75, 300, 165, 10];

export function colour(index: number, dark: boolean): string {
  const hue = HUES[index % HUES.length] ?? 188;
  const turn = Math.floor(index / HUES.length) % 3;
  const light = (dark ? 68 : 40) + (dark ? -1 : 1) * turn * 11;
  return `hsl(${hue} ${dark ? 62 : 72}% ${light}%)`;
}
