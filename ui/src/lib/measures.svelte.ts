// JSON has no words for numbers that are not finite: a run's own answer has null for them, the search of runs their name.

import { ask } from "../api/client";
import type { List, RunRow } from "../api/types";
import { num } from "./format";

export interface Measured {
  id: string;
  metrics: { key: string; value?: number | null }[];
}

/** A value as the table of runs shows it: `NaN`, `Infinity` or `-Infinity` where it is not finite. */
export type Told = (run: string, key: string, value: number | null | undefined) => string;

/** Most keys that are asked for at once; the server takes no more. */
const MOST = 400;

/** What to ask the search of runs, so that every value of these runs has a name; null when all are finite. */
export function unnamed(runs: Measured[]): { ids: string[]; columns: string[] } | null {
  const odd = runs.map((run) => ({ id: run.id, keys: run.metrics.filter((m) => m.value === null || m.value === undefined).map((m) => m.key) })).filter((run) => run.keys.length > 0);
  if (odd.length === 0) return null;
  return { ids: odd.map((run) => run.id), columns: [...new Set(odd.flatMap((run) => run.keys))].slice(0, MOST).map((key) => `metrics.${key}`) };
}

export function named(rows: Pick<RunRow, "id" | "metrics">[]): Map<string, Record<string, string>> {
  return new Map(rows.map((row) => [row.id, Object.fromEntries(Object.entries(row.metrics).filter((entry): entry is [string, string] => typeof entry[1] === "string"))]));
}

/** Follows the runs while the component that calls this is mounted. */
export function measures(of: () => Measured[]): Told {
  let names = $state.raw(new Map<string, Record<string, string>>());
  $effect(() => {
    const query = unnamed(of());
    if (query === null) return;
    const abort = new AbortController();
    ask<List<RunRow>>("/api/v1/runs/search", query, abort.signal).then(
      (found) => (names = named(found.items)),
      // "not finite" stays: less exact, and not wrong.
      () => undefined,
    );
    return () => abort.abort();
  });
  return (run, key, value) => (value === null || value === undefined ? (names.get(run)?.[key] ?? "not finite") : num(value));
}
