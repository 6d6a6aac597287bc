// How values are written. One place, so that the same thing reads the same on every page.

const NONE = "–";

/** A count with thin groups: 336 776. */
export function count(n: number | null | undefined): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return NONE;
  const sign = n < 0 ? "−" : "";
  return sign + Math.abs(Math.round(n)).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** A measured number to four significant digits, never in a form that jumps between widths wildly. */
export function num(x: number | null | undefined, digits = 4): string {
  if (x === null || x === undefined) return NONE;
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-4) return x.toExponential(Math.max(0, digits - 2)).replace("-", "−");
  if (Number.isInteger(x)) return count(x);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return x.toFixed(Math.min(places, 6)).replace("-", "−");
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
