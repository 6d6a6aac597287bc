// The scale of an interval bar: where estimate, ends, bound and zero lie between 0 and 1.

export interface IntervalScale {
  low: number | null;
  high: number | null;
  estimate: number | null;
  bound: number | null;
  zero: number | null;
}

export interface Measured {
  estimate?: number | null;
  low?: number | null;
  high?: number | null;
  bound?: number | null;
}

export function intervalScale(m: Measured): IntervalScale | null {
  const known = [m.estimate, m.low, m.high, m.bound].filter((x): x is number => x !== null && x !== undefined && Number.isFinite(x));
  if (known.length === 0) return null;
  let from = Math.min(...known);
  let to = Math.max(...known);
  // Zero is the natural point of comparison when it is near.
  const width = to - from || Math.abs(to) || 1;
  if (from > 0 && from < width * 2) from = 0;
  if (to < 0 && -to < width * 2) to = 0;
  const pad = (to - from || 1) * 0.08;
  const a = from - pad;
  const b = to + pad;
  const at = (x: number | null | undefined): number | null => (x === null || x === undefined || !Number.isFinite(x) ? null : (x - a) / (b - a));
  return { low: at(m.low), high: at(m.high), estimate: at(m.estimate), bound: at(m.bound), zero: a <= 0 && b >= 0 ? at(0) : null };
}
