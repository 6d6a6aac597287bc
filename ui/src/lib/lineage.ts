// The lineage as layers from left to right: what an object came from on its left, what came of it on its right.

import type { LineageEdge, ObjectRef } from "../api/types";

export interface GraphNode extends ObjectRef {
  key: string;
  column: number;
  row: number;
  /** Stands for this many objects that are not drawn. */
  hidden?: number;
}

export interface GraphEdge {
  left: string;
  right: string;
  relation: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  columns: number;
  rows: number;
}

export const keyOf = (ref: ObjectRef): string => `${ref.kind}\u0000${ref.id}`;

function neighbours(edges: LineageEdge[]): Map<string, Set<string>> {
  const near = new Map<string, Set<string>>();
  const link = (a: string, b: string): void => {
    const set = near.get(a) ?? new Set<string>();
    set.add(b);
    near.set(a, set);
  };
  for (const edge of edges) {
    link(keyOf(edge.from), keyOf(edge.to));
    link(keyOf(edge.to), keyOf(edge.from));
  }
  return near;
}

/** Distance of every object from `start` over `edges`, whichever way they point. */
function distances(start: string, edges: LineageEdge[]): Map<string, number> {
  const near = neighbours(edges);
  const found = new Map([[start, 0]]);
  const queue = [start];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const next of near.get(at) ?? []) {
      if (found.has(next)) continue;
      found.set(next, (found.get(at) ?? 0) + 1);
      queue.push(next);
    }
  }
  return found;
}

export function layout(focus: ObjectRef, upstream: LineageEdge[], downstream: LineageEdge[], most = 12): Graph {
  const start = keyOf(focus);
  const refs = new Map<string, ObjectRef>([[start, focus]]);
  for (const edge of [...upstream, ...downstream]) {
    refs.set(keyOf(edge.from), edge.from);
    refs.set(keyOf(edge.to), edge.to);
  }
  const column = new Map<string, number>([[start, 0]]);
  for (const [key, distance] of distances(start, upstream)) if (!column.has(key)) column.set(key, -distance);
  for (const [key, distance] of distances(start, downstream)) if (!column.has(key)) column.set(key, distance);

  const layers = new Map<number, string[]>();
  for (const [key, at] of column) layers.set(at, [...(layers.get(at) ?? []), key]);
  const order = [...layers.keys()].sort((a, b) => a - b);
  const first = order[0] ?? 0;
  const rank = (key: string): string => {
    const ref = refs.get(key);
    return `${ref?.kind ?? ""} ${(ref?.id ?? "").replace(/\d+$/, (n) => n.padStart(12, "0"))}`;
  };
  const near = neighbours([...upstream, ...downstream]);
  const rowOf = new Map<string, number>();
  const nodes: GraphNode[] = [];
  let rows = 1;
  // From the focus outward: a layer stands in the order of its neighbours in the layer before, so that few lines cross.
  for (const at of [...order].sort((a, b) => Math.abs(a) - Math.abs(b))) {
    const pull = (key: string): number => {
      const placed = [...(near.get(key) ?? [])].flatMap((other) => (Math.abs(column.get(other) ?? 0) < Math.abs(at) ? [rowOf.get(other) ?? []].flat() : []));
      return placed.length === 0 ? 0 : placed.reduce((sum, row) => sum + row, 0) / placed.length;
    };
    const keys = (layers.get(at) ?? []).sort((a, b) => pull(a) - pull(b) || (rank(a) < rank(b) ? -1 : 1));
    const shown = keys.length > most ? keys.slice(0, most - 1) : keys;
    shown.forEach((key, row) => {
      const ref = refs.get(key);
      if (!ref) return;
      rowOf.set(key, row);
      nodes.push({ ...ref, key, column: at - first, row });
    });
    if (shown.length < keys.length) {
      nodes.push({ kind: "more", id: String(at), key: `more\u0000${at}`, column: at - first, row: shown.length, hidden: keys.length - shown.length });
    }
    rows = Math.max(rows, Math.min(keys.length, most));
  }
  const edges: GraphEdge[] = [];
  const seen = new Set<string>();
  for (const edge of [...upstream, ...downstream]) {
    const a = keyOf(edge.from);
    const b = keyOf(edge.to);
    if (!rowOf.has(a) || !rowOf.has(b)) continue;
    const [left, right] = (column.get(a) ?? 0) <= (column.get(b) ?? 0) ? [a, b] : [b, a];
    const id = `${left}\u0000${right}\u0000${edge.relation}`;
    if (seen.has(id)) continue;
    seen.add(id);
    edges.push({ left, right, relation: edge.relation });
  }
  return { nodes, edges, columns: order.length, rows };
}
