// The heat map's matrix: which rows, which windows, and how strong each cell is.

import type { FeatureDrift, MonitorWindow } from "../api/types";

export const PREDICTION = "prediction:";
export const CHECKS = "checks:";

/** Strength 0 to 5: below half of the threshold, below it, then in steps above it. Above 1 the effect passes the threshold. */
export type Level = 0 | 1 | 2 | 3 | 4 | 5;

const STEPS = [0.5, 1, 1.5, 2.5, 4] as const;

export const LEGEND: { level: Level; text: string }[] = [
  { level: 0, text: "< ½" },
  { level: 1, text: "½ – 1" },
  { level: 2, text: "1 – 1½" },
  { level: 3, text: "1½ – 2½" },
  { level: 4, text: "2½ – 4" },
  { level: 5, text: "≥ 4 × threshold" },
];

export function ratio(value: number, threshold: number): number {
  if (!Number.isFinite(value)) return value > 0 ? Infinity : 0;
  if (!(threshold > 0)) return value > 0 ? Infinity : 0;
  return value / threshold;
}

export function level(value: number, threshold: number): Level {
  const r = ratio(value, threshold);
  const step = STEPS.findIndex((limit) => r < limit);
  return (step < 0 ? 5 : step) as Level;
}

export interface Cell {
  window: MonitorWindow;
  feature: FeatureDrift | null;
  level: Level | null;
  /** A failed check of this column explains what the drift test would see. */
  checkFailed: boolean;
}

export interface HeatRow {
  key: string;
  label: string;
  importance: number | null;
  cells: Cell[];
}

/** Rows by importance, then by how often they drifted, then by name; columns by time. */
export function matrix(unsorted: MonitorWindow[]): { windows: MonitorWindow[]; rows: HeatRow[] } {
  const windows = [...unsorted].sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
  const importance = new Map<string, number | null>();
  const drifts = new Map<string, number>();
  let hasPrediction = false;
  for (const window of windows) {
    for (const feature of window.features) {
      importance.set(feature.column, feature.importance ?? importance.get(feature.column) ?? null);
      if (feature.drifted) drifts.set(feature.column, (drifts.get(feature.column) ?? 0) + 1);
    }
    for (const check of window.checks) if (check.column && !importance.has(check.column)) importance.set(check.column, null);
    hasPrediction ||= Boolean(window.prediction);
  }
  const names = [...importance.keys()].sort(
    (a, b) => (importance.get(b) ?? -1) - (importance.get(a) ?? -1) || (drifts.get(b) ?? 0) - (drifts.get(a) ?? 0) || (a < b ? -1 : a > b ? 1 : 0),
  );
  const failed = (window: MonitorWindow, column: string | null): boolean =>
    window.checks.some((c) => !c.passed && c.severity === "error" && (column === null || c.column === column));
  const cell = (window: MonitorWindow, feature: FeatureDrift | null | undefined, checkFailed: boolean): Cell => ({
    window,
    feature: feature ?? null,
    level: feature ? level(feature.value, feature.threshold) : null,
    checkFailed,
  });
  const rows: HeatRow[] = [
    { key: CHECKS, label: "checks", importance: null, cells: windows.map((w) => cell(w, null, failed(w, null))) },
    ...names.map((name) => ({
      key: name,
      label: name,
      importance: importance.get(name) ?? null,
      cells: windows.map((w) => cell(w, w.features.find((f) => f.column === name), failed(w, name))),
    })),
  ];
  if (hasPrediction) {
    rows.push({ key: PREDICTION, label: "prediction", importance: null, cells: windows.map((w) => cell(w, w.prediction, false)) });
  }
  return { windows, rows };
}

/** So many features are drawn at once; the rest are a page further. */
export const MOST_FEATURES = 40;

/** The features from `start` on, between the rows that are always there. */
export function pageOf(rows: HeatRow[], start: number): { rows: HeatRow[]; features: number; start: number } {
  const features = rows.filter((r) => r.key !== CHECKS && r.key !== PREDICTION);
  const from = start > 0 && start < features.length ? start : 0;
  const shown = features.slice(from, from + MOST_FEATURES);
  return { rows: rows.filter((r) => r.key === CHECKS || r.key === PREDICTION || shown.includes(r)), features: features.length, start: from };
}

/** Where an arrow key leads from a cell; edges hold. */
export function step(key: string, at: { row: number; column: number }, rows: number, columns: number): { row: number; column: number } | null {
  const clamp = (n: number, end: number): number => Math.max(0, Math.min(end - 1, n));
  switch (key) {
    case "ArrowLeft": return { row: at.row, column: clamp(at.column - 1, columns) };
    case "ArrowRight": return { row: at.row, column: clamp(at.column + 1, columns) };
    case "ArrowUp": return { row: clamp(at.row - 1, rows), column: at.column };
    case "ArrowDown": return { row: clamp(at.row + 1, rows), column: at.column };
    case "Home": return { row: at.row, column: 0 };
    case "End": return { row: at.row, column: clamp(columns - 1, columns) };
    case "PageUp": return { row: 0, column: at.column };
    case "PageDown": return { row: clamp(rows - 1, rows), column: at.column };
    default: return null;
  }
}

/** At most `most` column indexes to label, evenly spread, the first of a month preferred where months fit. */
export function ticks(times: string[], most: number): { index: number; text: string }[] {
  if (times.length === 0 || most < 1) return [];
  const months = times.flatMap((t, index) => (index === 0 || t.slice(0, 7) !== times[index - 1]?.slice(0, 7) ? [{ index, text: t.slice(0, 7) }] : []));
  if (months.length >= 3) {
    const stride = Math.ceil(months.length / most);
    return months.filter((_, i) => i % stride === 0);
  }
  const stride = Math.max(1, Math.ceil(times.length / most));
  return times.flatMap((t, index) => (index % stride === 0 ? [{ index, text: t.slice(5, 10) }] : []));
}
