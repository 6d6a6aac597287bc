// How values are written. One place, so that the same thing reads the same on every page.

const NONE = "–";

/** A written number with thin groups before its point, and a minus as wide as a plus: `-44063.25` → −44 063.25. */
function grouped(text: string): string {
  const [whole = "", rest] = text.replace("-", "").split(".", 2);
  const isNegative = text.startsWith("-") && Number(text) !== 0;
  return (isNegative ? "−" : "") + whole.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f") + (rest === undefined ? "" : `.${rest}`);
}

/** A count with thin groups: 336 776. */
export function count(n: number | null | undefined): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return NONE;
  return grouped(String(Math.round(n)));
}

/** Beyond this a number is written with an exponent, on an axis as elsewhere. */
const LARGE = 1e6;

/** A measured number to four significant digits, never in a form that jumps between widths wildly. */
export function num(x: number | null | undefined, digits = 4): string {
  if (x === null || x === undefined) return NONE;
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= LARGE || size < 1e-4) return x.toExponential(Math.max(0, digits - 2)).replace(/-/g, "−");
  if (Number.isInteger(x)) return count(x);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return grouped(x.toFixed(Math.min(places, 6)));
}

/** An axis that ends below this has exponents too. */
const SMALL = 1e-3;
const MOST_DIGITS = 14;

/** The labels of an axis: all with the same number of digits, enough to tell neighbours apart. */
export function ticks(at: (number | null)[]): string[] {
  const known = at.filter((v): v is number => v !== null && Number.isFinite(v)).sort((a, b) => a - b);
  const most = Math.max(0, ...known.map(Math.abs));
  const gaps = known.slice(1).map((v, i) => v - (known[i] ?? v)).filter((gap) => gap > 0);
  const exact = (gaps.length > 0 ? Math.min(...gaps) : most) / 1_000;
  const hasExponent = most >= LARGE || (most > 0 && most < SMALL);
  const write = (v: number, digits: number): string => (hasExponent ? v.toExponential(digits) : v.toFixed(digits));
  let digits = 0;
  while (digits < MOST_DIGITS && known.some((v) => Math.abs(Number(write(v, digits)) - v) > exact)) digits += 1;
  return at.map((v) => {
    if (v === null || !Number.isFinite(v)) return "";
    if (v === 0) return "0";
    return hasExponent ? write(v, digits).replace(/-/g, "−") : grouped(write(v, digits));
  });
}

/** A probability: small ones are bounded, not written as zero. */
export function pValue(p: number | null | undefined): string {
  if (p === null || p === undefined) return NONE;
  if (p < 1e-4) return "< 0.0001";
  return p.toFixed(4);
}

/** A share of one as percent. */
export function percent(x: number | null | undefined, places = 1): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return NONE;
  return `${(x * 100).toFixed(places).replace("-", "−")} %`;
}

/** A traffic weight in parts per 10,000 as percent. */
export function weight(parts: number | null | undefined): string {
  if (parts === null || parts === undefined) return NONE;
  const value = parts / 100;
  return `${Number.isInteger(value) ? value : value.toFixed(value < 1 ? 2 : 1)} %`;
}

export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = n;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** A span in its two largest units: `2 d 3 h`, `4 min`, `35 s`, `120 ms`. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const exact = Math.abs(seconds);
  const s = exact < 10 ? exact : Math.round(exact);
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < MINUTE) return `${Number.isInteger(s) ? s : s.toFixed(1)} s`;
  const two = (size: number, big: string, less: number, small: string): string => {
    let whole = Math.floor(s / size);
    let rest = Math.round((s - whole * size) / less);
    if (rest * less >= size) {
      whole += 1;
      rest = 0;
    }
    return rest > 0 && whole < 10 ? `${whole} ${big} ${rest} ${small}` : `${whole} ${big}`;
  };
  if (s < HOUR) return two(MINUTE, "min", 1, "s");
  if (s < DAY) return two(HOUR, "h", MINUTE, "min");
  return two(DAY, "d", HOUR, "h");
}

export function seconds(from: string | null | undefined, to: string | null | undefined): number | null {
  if (!from || !to) return null;
  const a = Date.parse(from);
  const b = Date.parse(to);
  return Number.isNaN(a) || Number.isNaN(b) ? null : (b - a) / 1000;
}

/** `2013-03-04 05:06` in UTC; seconds only when asked. */
export function time(t: string | null | undefined, withSeconds = false): string {
  if (!t) return NONE;
  const ms = Date.parse(t);
  if (Number.isNaN(ms)) return t;
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, withSeconds ? 19 : 16)}`;
}

export function day(t: string | null | undefined): string {
  if (!t) return NONE;
  const ms = Date.parse(t);
  return Number.isNaN(ms) ? t : new Date(ms).toISOString().slice(0, 10);
}

/** A window's two ends, as short as stays clear. */
export function range(from: string | null | undefined, to: string | null | undefined): string {
  if (!from && !to) return NONE;
  if (!from || !to) return time(from ?? to);
  const a = new Date(from).toISOString();
  const b = new Date(to).toISOString();
  const midnight = (iso: string): boolean => iso.slice(11, 19) === "00:00:00";
  if (midnight(a) && midnight(b)) {
    if (Date.parse(b) - Date.parse(a) === DAY * 1000) return a.slice(0, 10);
    const last = new Date(Date.parse(b) - 1).toISOString();
    return `${a.slice(0, 10)} – ${last.slice(0, 10)}`;
  }
  if (a.slice(0, 10) === b.slice(0, 10)) return `${a.slice(0, 10)} ${a.slice(11, 16)} – ${b.slice(11, 16)}`;
  return `${time(from)} – ${time(to)}`;
}

/** How long ago, against a given now (the loop's clock, not the browser's). */
export function ago(t: string | null | undefined, now: string | null | undefined): string {
  const s = seconds(t, now);
  if (s === null) return NONE;
  if (Math.abs(s) < 1) return "now";
  return s < 0 ? `in ${span(s)}` : `${span(s)} ago`;
}

/** The first eight of a 32-hex id; names stay whole. */
export function short(id: string | null | undefined): string {
  if (!id) return NONE;
  return /^[0-9a-f]{32,64}$/.test(id) ? id.slice(0, 8) : id;
}

/** `rolled_back` → `rolled back`. */
export function words(state: string | null | undefined): string {
  return (state ?? NONE).replace(/[_-]+/g, " ");
}
