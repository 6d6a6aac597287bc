// The runs table's columns, order and state in the address. Nothing here knows the page.

import type { RunKeys, RunRow } from "../api/types";
import { isOfMachine } from "./metrics";
import { isSystemTag } from "./notes";
import { withQuery } from "./url";

/** `metrics.loss`, `params.lr`, `tags.team`, or an attribute of the run such as `status`. */
export type ColumnId = string;

export interface Column {
  id: ColumnId;
  kind: "attribute" | "metrics" | "params" | "tags";
  key: string;
  title: string;
  width: number;
  isNumber: boolean;
  /** What an order clause calls it; null when it cannot be ordered by. */
  order: string | null;
}

/** Which runs by their life: those that were not deleted, those that were, or both. */
export type View = "active" | "deleted" | "all";

export interface TableRow extends RunRow {
  isDeleted?: boolean;
}

export interface TableState {
  experiments: string[];
  filter: string;
  order: { by: string; up: boolean } | null;
  /** The chosen columns; null is what the table chooses. */
  columns: ColumnId[] | null;
  differ: boolean;
  view: View;
}

export const ATTRIBUTES: Column[] = [
  { id: "experiment", kind: "attribute", key: "experiment", title: "Experiment", width: 150, isNumber: false, order: null },
  { id: "status", kind: "attribute", key: "status", title: "Status", width: 112, isNumber: false, order: "attributes.status" },
  { id: "started", kind: "attribute", key: "started", title: "Started", width: 156, isNumber: false, order: "attributes.start_time" },
  { id: "took", kind: "attribute", key: "took", title: "Took", width: 88, isNumber: true, order: null },
  { id: "user", kind: "attribute", key: "user", title: "By", width: 100, isNumber: false, order: "attributes.user_id" },
];

/** A key in MLflow's grammar: quoted as soon as it is no plain word. */
export function quoted(key: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return key;
  return key.includes("`") ? `"${key}"` : `\`${key}\``;
}

export function column(id: ColumnId): Column | null {
  const known = ATTRIBUTES.find((a) => a.id === id);
  if (known) return known;
  const dot = id.indexOf(".");
  const [kind, key] = [id.slice(0, dot), id.slice(dot + 1)];
  if (dot < 0 || key === "" || (kind !== "metrics" && kind !== "params" && kind !== "tags")) return null;
  return { id, kind, key, title: key, width: Math.max(96, Math.min(190, 30 + key.length * 7)), isNumber: kind === "metrics", order: `${kind}.${quoted(key)}` };
}

export function readState(query: URLSearchParams): TableState {
  const order = /^(.+?)(?:\s+(ASC|DESC))?$/i.exec(query.get("order")?.trim() ?? "");
  const columns = query.getAll("column");
  return {
    experiments: query.getAll("experiment").filter((e) => e !== ""),
    filter: query.get("filter") ?? "",
    order: order?.[1] ? { by: order[1], up: order[2]?.toUpperCase() !== "DESC" } : null,
    columns: columns.length > 0 ? columns : null,
    differ: query.get("differ") === "1",
    view: query.get("view") === "deleted" ? "deleted" : query.get("view") === "all" ? "all" : "active",
  };
}

/** The query of a state; what is as by default leaves it, other keys stay. */
export function writeState(query: URLSearchParams, state: TableState): string {
  const next = new URLSearchParams(query);
  for (const key of ["experiment", "column"]) next.delete(key);
  for (const id of state.experiments) next.append("experiment", id);
  for (const id of state.columns ?? []) next.append("column", id);
  return withQuery(next, {
    filter: state.filter,
    order: state.order ? `${state.order.by} ${state.order.up ? "ASC" : "DESC"}` : null,
    differ: state.differ ? "1" : null,
    view: state.view === "active" ? null : state.view,
  });
}

/** A click on a heading: first as one expects to see it (numbers from the least), then the other way, then as by default. */
export function turned(order: TableState["order"], by: string): TableState["order"] {
  if (order?.by !== by) return { by, up: true };
  return order.up ? { by, up: false } : null;
}

/** What the table shows unless told otherwise: no metrics of the machine and none of the tags that programs write for themselves; metrics of no group first. */
export function defaults(keys: RunKeys): ColumnId[] {
  const metrics = keys.metrics.map((m) => m.key).filter((key) => !isOfMachine(key));
  return [
    ...[...metrics.filter((key) => !key.includes("/")), ...metrics.filter((key) => key.includes("/"))].map((key) => `metrics.${key}`),
    ...keys.params.map((p) => `params.${p.key}`),
    ...keys.tags.filter((t) => !isSystemTag(t.key)).map((t) => `tags.${t.key}`),
  ];
}

/** Every column that there is. */
export function everything(keys: RunKeys): ColumnId[] {
  return [
    ...keys.metrics.map((m) => `metrics.${m.key}`),
    ...keys.params.map((p) => `params.${p.key}`),
    ...keys.tags.map((t) => `tags.${t.key}`),
  ];
}

/** The columns in which runs differ: over all runs of the experiments, whatever is loaded. */
export function differing(keys: RunKeys): Set<ColumnId> {
  const out = new Set<ColumnId>();
  for (const m of keys.metrics) if (m.low !== m.high) out.add(`metrics.${m.key}`);
  for (const p of keys.params) if (p.low !== p.high) out.add(`params.${p.key}`);
  for (const t of keys.tags) if (t.low !== t.high) out.add(`tags.${t.key}`);
  return out;
}

/** The value of a cell; undefined when the run has none (or it has not come yet). */
export function cell(row: RunRow, at: Column): string | number | undefined {
  if (at.kind === "metrics") return row.metrics[at.key];
  if (at.kind === "params") return row.params[at.key];
  if (at.kind === "tags") return row.tags[at.key];
  return undefined;
}

export interface Span {
  from: number;
  to: number;
}

/** The columns between two edges, from the right edges of all: what must be in the document. */
export function visible(ends: number[], left: number, right: number): Span {
  let from = 0;
  let to = ends.length;
  // Both ends by halving: a table may have thousands of columns.
  for (let low = 0, high = ends.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) <= left) low = middle + 1;
    else high = middle;
    from = low;
  }
  for (let low = from, high = ends.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((middle > 0 ? (ends[middle - 1] ?? 0) : 0) < right) low = middle + 1;
    else high = middle;
    to = low;
  }
  return { from, to: Math.max(from, to) };
}

/** One run's cells joined from several answers. */
export function merged(old: TableRow | undefined, found: TableRow): TableRow {
  if (!old) return found;
  return { ...old, ...found, metrics: { ...old.metrics, ...found.metrics }, params: { ...old.params, ...found.params }, tags: { ...old.tags, ...found.tags } };
}
