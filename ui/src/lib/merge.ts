// Two sorted lists of runs, active and deleted ones, as one list in MLflow's order.

import type { RunRow } from "../api/types";

type Value = string | number | undefined;

/** The value that an order clause such as metrics.`val loss` sorts by, with its key freed of quotes. */
function valueOf(row: RunRow, by: string): Value {
  const [, kind, key] = /^(\w+)\.(.+)$/s.exec(by) ?? [];
  const name = key?.replace(/^(["`])(.*)\1$/s, "$2") ?? "";
  switch (kind) {
    case "metrics": case "metric": return row.metrics[name];
    case "params": case "param": return row.params[name];
    case "tags": case "tag": return row.tags[name];
  }
  switch (name || by) {
    case "run_name": case "Run Name": return row.name;
    case "status": return row.status;
    case "user_id": return row.user ?? undefined;
    case "end_time": return row.ended_at === null || row.ended_at === undefined ? undefined : Date.parse(row.ended_at);
    default: return Date.parse(row.started_at);
  }
}

/** Numbers as such, the infinite ones at their ends; NaN after them and what is absent last, whichever way is up. */
function rank(value: Value, isMetric: boolean): { last: number; value: number | string } {
  if (value === undefined) return { last: 2, value: 0 };
  if (!isMetric) return { last: 0, value };
  const number = Number(value);
  return Number.isNaN(number) ? { last: 1, value: 0 } : { last: 0, value: number };
}

function compared(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Below zero when `a` stands before `b`. Without an order, and among equals, the newest is first. */
export function before(order: { by: string; up: boolean } | null, a: RunRow, b: RunRow): number {
  if (order) {
    const isMetric = /^metrics?\./.test(order.by);
    const [x, y] = [rank(valueOf(a, order.by), isMetric), rank(valueOf(b, order.by), isMetric)];
    const turned = x.last - y.last || compared(x.value, y.value) * (order.up ? 1 : -1);
    if (turned !== 0) return turned;
  }
  return Date.parse(b.started_at) - Date.parse(a.started_at) || compared(a.id, b.id);
}

/** Takes up to `most` of both fronts, and stops where one is used up and has more to come. */
export function front<T>(one: T[], other: T[], isOneAll: boolean, isOtherAll: boolean, most: number, order: (a: T, b: T) => number): { taken: T[]; one: number; other: number } {
  const taken: T[] = [];
  let [i, k] = [0, 0];
  while (taken.length < most) {
    const [a, b] = [one[i], other[k]];
    if ((a === undefined && !isOneAll) || (b === undefined && !isOtherAll)) break;
    if (a !== undefined && (b === undefined || order(a, b) <= 0)) {
      taken.push(a);
      i += 1;
    } else if (b !== undefined) {
      taken.push(b);
      k += 1;
    } else break;
  }
  return { taken, one: i, other: k };
}
