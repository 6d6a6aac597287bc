// Curves for charts: what the charts on the screen ask for within a moment goes out as one request, and what was
// read stays for the next chart of the same metric.

import { ask, told, type ApiError } from "./client";
import type { List, Series } from "./types";

const GATHER_MS = 25;
/** The server's limit of one answer. */
const MOST = 200;
const KEPT = 400;

interface Wanted {
  runs: string[];
  key: string;
  points: number;
  done: (found: Series[]) => void;
  failed: (error: ApiError) => void;
}

let waiting: Wanted[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
const known = new Map<string, Series[]>();

const name = (runs: string[], key: string, points: number): string => `${points} ${key} ${runs.join(",")}`;

/** What was read before, while newer is on its way. */
export function remembered(runs: string[], key: string, points: number): Series[] | undefined {
  return known.get(name(runs, key, points));
}

export function curves(runs: string[], key: string, points: number): Promise<Series[]> {
  return new Promise((done, failed) => {
    waiting.push({ runs, key, points, done, failed });
    timer ??= setTimeout(() => {
      timer = undefined;
      const all = waiting;
      waiting = [];
      for (const batch of batches(all)) void send(batch);
    }, GATHER_MS);
  });
}

/** Requests for the same runs and detail go together, within the limit of one answer. */
function batches(all: Wanted[]): Wanted[][] {
  const out: Wanted[][] = [];
  for (const one of all) {
    const fits = out.find((b) => b[0] && b[0].points === one.points && b[0].runs.join() === one.runs.join() && (b.length + 1) * one.runs.length <= MOST);
    if (fits) fits.push(one);
    else out.push([one]);
  }
  return out;
}

async function send(batch: Wanted[]): Promise<void> {
  const [first] = batch;
  if (!first) return;
  try {
    const found = await ask<List<Series>>("/api/v1/series", { runs: first.runs, keys: [...new Set(batch.map((b) => b.key))], points: first.points });
    for (const one of batch) {
      const mine = found.items.filter((s) => s.key === one.key);
      const id = name(one.runs, one.key, one.points);
      known.delete(id);
      known.set(id, mine);
      one.done(mine);
    }
    // The oldest go first: a map keeps the order in which things were put.
    for (const id of known.keys()) {
      if (known.size <= KEPT) break;
      known.delete(id);
    }
  } catch (cause) {
    for (const one of batch) one.failed(told(cause));
  }
}
