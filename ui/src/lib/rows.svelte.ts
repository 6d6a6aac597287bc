// The rows of the runs table: pages come as the table is scrolled, cells as their columns are seen, and rows that
// change are read again by their ids.

import { ask, told, type ApiError } from "../api/client";
import { stream, type RunChange } from "../api/stream.svelte";
import type { List, RunRow, RunsQuery } from "../api/types";
import { merged, type ColumnId } from "./table";

const PAGE = 100;
/** Changed rows are read again at most this often. */
const GAP_MS = 1_000;

/** What decides which rows there are and in which order. */
export interface Asked {
  experiments: string[];
  filter: string;
  order: string[];
  deleted: boolean;
}

export class Rows {
  rows = $state.raw<RunRow[]>([]);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  /** More rows come when the end is reached. */
  hasMore = $state(false);
  /** Runs that were made since the table was read, and are not in it. */
  fresh = $state(0);
  #next: string | null = null;
  #asked: Asked | null = null;
  #places = new Map<string, number>();
  /** Which columns each page has already. */
  #have: Set<ColumnId>[] = [];
  #abort = new AbortController();
  #isMore = false;
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #experiments: ReadonlySet<string> = new Set();
  #unknown = new Set<string>();

  /** Reads the table anew; `columns` are those that are seen at once. Ends what was read before. */
  start(asked: Asked, columns: ColumnId[]): () => void {
    this.#asked = asked;
    // An experiment may be asked for by its name, which changes do not carry: then all are listened to.
    this.#experiments = new Set(asked.experiments.every((id) => /^\d+$/.test(id)) ? asked.experiments : []);
    void this.#first(columns);
    const leave = stream.subscribeRuns((change) => this.#heard(change));
    return () => {
      leave();
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#abort.abort();
    };
  }

  /** The first page again, keeping what is shown until it has come. */
  async #first(columns: ColumnId[]): Promise<void> {
    const asked = this.#asked;
    if (!asked) return;
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#isMore = false;
    this.loading = true;
    try {
      const page = await ask<List<RunRow>>("/api/v1/runs/search", this.#query(asked, columns, null), abort.signal);
      if (abort.signal.aborted) return;
      this.rows = page.items;
      this.#places = new Map(page.items.map((row, i) => [row.id, i]));
      this.#have = [new Set(columns)];
      this.#next = page.next ?? null;
      this.hasMore = this.#next !== null;
      this.error = null;
      this.fresh = 0;
      this.#unknown.clear();
    } catch (cause) {
      if (abort.signal.aborted) return;
      this.error = told(cause);
      // A refused filter must not stand over rows that it did not choose.
      this.rows = [];
      this.hasMore = false;
    }
    this.loading = false;
  }

  reload(columns: ColumnId[]): void {
    void this.#first(columns);
  }

  /** The next page, when there is one. */
  async more(columns: ColumnId[]): Promise<void> {
    const asked = this.#asked;
    if (!asked || this.#next === null || this.#isMore || this.loading) return;
    const abort = this.#abort;
    this.#isMore = true;
    try {
      const page = await ask<List<RunRow>>("/api/v1/runs/search", this.#query(asked, columns, this.#next), abort.signal);
      if (abort.signal.aborted) return;
      // A run that moved while the table was read may come twice: its first place stays.
      const added = page.items.filter((row) => !this.#places.has(row.id));
      while (this.#have.length * PAGE < this.rows.length) this.#have.push(new Set());
      added.forEach((row, i) => this.#places.set(row.id, this.rows.length + i));
      this.rows = [...this.rows, ...added];
      while (this.#have.length * PAGE < this.rows.length) this.#have.push(new Set(columns));
      this.#next = page.next ?? null;
      this.hasMore = this.#next !== null;
      this.error = null;
    } catch (cause) {
      if (!abort.signal.aborted) this.error = told(cause);
    } finally {
      if (!abort.signal.aborted) this.#isMore = false;
    }
  }

  /** Makes sure that rows `from` to `to` have these columns. */
  async fill(from: number, to: number, columns: ColumnId[]): Promise<void> {
    if (this.loading) return;
    const abort = this.#abort;
    for (let page = Math.floor(from / PAGE); page <= Math.floor(Math.max(from, to - 1) / PAGE); page += 1) {
      const have = this.#have[page];
      if (!have) continue;
      const missing = columns.filter((id) => !have.has(id));
      const ids = this.rows.slice(page * PAGE, (page + 1) * PAGE).map((row) => row.id);
      if (missing.length === 0 || ids.length === 0) continue;
      for (const id of missing) have.add(id);
      try {
        this.#put((await ask<List<RunRow>>("/api/v1/runs/search", { ids, columns: missing }, abort.signal)).items, abort.signal);
      } catch (cause) {
        for (const id of missing) have.delete(id);
        if (!abort.signal.aborted) this.error = told(cause);
        return;
      }
    }
  }

  #query(asked: Asked, columns: ColumnId[], page: string | null): Partial<RunsQuery> {
    return { experiments: asked.experiments, filter: asked.filter, order_by: asked.order, deleted: asked.deleted, columns, limit: PAGE, page };
  }

  #put(found: RunRow[], signal: AbortSignal): void {
    if (signal.aborted || found.length === 0) return;
    const next = [...this.rows];
    for (const row of found) {
      const place = this.#places.get(row.id);
      if (place !== undefined) next[place] = merged(next[place], row);
    }
    this.rows = next;
  }

  #heard(change: RunChange): void {
    if (this.#experiments.size > 0 && !this.#experiments.has(change.experiment)) return;
    for (const id of change.runs) {
      if (this.#places.has(id)) this.#changed.add(id);
      else this.#unknown.add(id);
    }
    this.fresh = this.#unknown.size;
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => void this.#again(), GAP_MS);
  }

  async #again(): Promise<void> {
    this.#timer = undefined;
    const ids = [...this.#changed].slice(0, 200);
    for (const id of ids) this.#changed.delete(id);
    const columns = new Set(ids.flatMap((id) => [...(this.#have[Math.floor((this.#places.get(id) ?? 0) / PAGE)] ?? [])]));
    const abort = this.#abort;
    try {
      this.#put((await ask<List<RunRow>>("/api/v1/runs/search", { ids, columns: [...columns].slice(0, 400) }, abort.signal)).items, abort.signal);
    } catch {
      // The next change asks again; an error of its own would only repeat what the table says already.
    }
    if (this.#changed.size > 0 && !abort.signal.aborted) this.#timer ??= setTimeout(() => void this.#again(), GAP_MS);
  }
}
