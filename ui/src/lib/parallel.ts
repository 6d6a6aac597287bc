// Parallel coordinates: one axis a column, one line a run.

import type { RunRow } from "../api/types";
import { isOfMachine } from "./metrics";
import { cell, column, type ColumnId } from "./table";

export interface ParallelAxis {
  id: ColumnId;
  title: string;
  /** Ends of a numeric axis; null for an axis of words. */
  range: { low: number; high: number; isLog: boolean } | null;
  /** The words of an axis of words, from below. */
  words: string[];
}

const WORDS = 40;

const asNumber = (value: string | number | undefined): number | null => {
  if (value === undefined || value === "") return null;
  const n = Number(value);
  return Number.isFinite(n) ? n : null;
};

/** An axis is one of numbers when every run's value is one; over three decades of positive ones it is logarithmic. */
export function axisOf(id: ColumnId, rows: RunRow[]): ParallelAxis | null {
  const at = column(id);
  if (!at || at.kind === "attribute") return null;
  const values = rows.map((row) => cell(row, at)).filter((v) => v !== undefined);
  if (values.length === 0) return null;
  const numbers = values.map(asNumber);
  if (numbers.every((n): n is number => n !== null)) {
    const low = Math.min(...numbers);
    const high = Math.max(...numbers);
    return { id, title: at.title, range: { low, high, isLog: low > 0 && high / low > 1_000 }, words: [] };
  }
  // A metric that is not finite in some runs keeps its axis; those runs have no point on it.
  if (at.kind === "metrics") {
    const known = numbers.filter((n): n is number => n !== null);
    if (known.length === 0) return null;
    const [low, high] = [Math.min(...known), Math.max(...known)];
    return { id, title: at.title, range: { low, high, isLog: low > 0 && high / low > 1_000 }, words: [] };
  }
  const words = [...new Set(values.map(String))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return { id, title: at.title, range: null, words: words.slice(0, WORDS) };
}

/** Where a run meets the axis: 0 at the bottom, 1 at the top; null where it has no value there. */
export function placeOn(axis: ParallelAxis, row: RunRow): number | null {
  const at = column(axis.id);
  const value = at ? cell(row, at) : undefined;
  if (value === undefined) return null;
  if (axis.range) {
    const n = asNumber(value);
    if (n === null) return null;
    const { low, high, isLog } = axis.range;
    if (low === high) return 0.5;
    return isLog ? Math.log(n / low) / Math.log(high / low) : (n - low) / (high - low);
  }
  const index = axis.words.indexOf(String(value));
  if (index < 0) return null;
  return axis.words.length === 1 ? 0.5 : index / (axis.words.length - 1);
}

/** The columns worth an axis: params in which these runs differ, then the metrics, at most `most`. */
export function suggested(rows: RunRow[], most: number): ColumnId[] {
  const params = new Map<string, Set<string>>();
  const metrics = new Map<string, Set<string>>();
  for (const row of rows) {
    for (const [key, value] of Object.entries(row.params)) params.set(key, (params.get(key) ?? new Set()).add(value));
    for (const [key, value] of Object.entries(row.metrics)) if (!isOfMachine(key)) metrics.set(key, (metrics.get(key) ?? new Set()).add(String(value)));
  }
  const varied = (all: Map<string, Set<string>>): string[] => [...all].filter(([, values]) => values.size > 1).map(([key]) => key).sort();
  const ofMetrics = varied(metrics).slice(0, 3).map((key) => `metrics.${key}`);
  const ofParams = varied(params).slice(0, Math.max(0, most - ofMetrics.length)).map((key) => `params.${key}`);
  return [...ofParams, ...ofMetrics];
}
