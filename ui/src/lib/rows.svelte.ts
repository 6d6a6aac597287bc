// The rows of the runs table: pages come as the table is scrolled, cells as their columns are seen, and rows that
// change are read again by their ids.

import { ask, told, type ApiError } from "../api/client";
import { stream, type RunChange } from "../api/stream.svelte";
import type { List, RunRow, RunsQuery } from "../api/types";
import { before, front } from "./merge";
import { column, merged, type ColumnId, type TableRow, type TableState, type View } from "./table";

const PAGE = 100;
/** Changed rows are read again at most this often. */
const GAP_MS = 1_000;

/** What decides which rows there are and in which order. */
export interface Asked {
  experiments: string[];
  filter: string;
  order: TableState["order"];
  view: View;
}

/** The rows of one kind, active or deleted, as far as they were read and are not in the table yet. */
interface Feed {
  isDeleted: boolean;
  waiting: TableRow[];
  next: string | null;
  isAll: boolean;
  /** The columns that the waiting rows have. */
  columns: Set<ColumnId>;
}

export class Rows {
  rows = $state.raw<TableRow[]>([]);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  /** More rows come when the end is reached. */
  hasMore = $state(false);
  /** Runs that were made since the table was read, and are not in it. */
  fresh = $state(0);
  #feeds: Feed[] = [];
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
      const kinds = asked.view === "all" ? [false, true] : [asked.view === "deleted"];
      this.#feeds = kinds.map((isDeleted) => ({ isDeleted, waiting: [], next: null, isAll: false, columns: new Set() }));
      const found = await this.#page(asked, columns, abort.signal);
      if (abort.signal.aborted) return;
      this.rows = found;
      this.#places = new Map(found.map((row, i) => [row.id, i]));
      this.#have = [this.#columnsOfAll()];
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
    if (!asked || !this.hasMore || this.#isMore || this.loading) return;
    const abort = this.#abort;
    this.#isMore = true;
    try {
      const found = await this.#page(asked, columns, abort.signal);
      if (abort.signal.aborted) return;
      // A run that moved while the table was read may come twice: its first place stays.
      const added = found.filter((row) => !this.#places.has(row.id));
      while (this.#have.length * PAGE < this.rows.length) this.#have.push(new Set());
      added.forEach((row, i) => this.#places.set(row.id, this.rows.length + i));
      this.rows = [...this.rows, ...added];
      while (this.#have.length * PAGE < this.rows.length) this.#have.push(this.#columnsOfAll());
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

  /** The next rows of the table, a page of them unless fewer are left; of several kinds in one order. */
  async #page(asked: Asked, columns: ColumnId[], signal: AbortSignal): Promise<TableRow[]> {
    const out: TableRow[] = [];
    const [one, other] = this.#feeds;
    // What is sorted by is compared here, so it is asked for though it may not be seen.
    const compared = this.#feeds.length > 1 ? sortedBy(asked.order) : null;
    const wanted = compared !== null && !columns.includes(compared) ? [...columns, compared] : columns;
    while (one && out.length < PAGE && !signal.aborted) {
      await Promise.all(this.#feeds.filter((feed) => feed.waiting.length === 0 && !feed.isAll).map((feed) => this.#feed(feed, asked, wanted, signal)));
      const next = front(one.waiting, other?.waiting ?? [], one.isAll, other?.isAll ?? true, PAGE - out.length, (a, b) => before(asked.order, a, b));
      out.push(...next.taken);
      one.waiting = one.waiting.slice(next.one);
      if (other) other.waiting = other.waiting.slice(next.other);
      if (this.#feeds.every((feed) => feed.isAll && feed.waiting.length === 0)) break;
    }
    if (!signal.aborted) this.hasMore = this.#feeds.some((feed) => !feed.isAll || feed.waiting.length > 0);
    return out;
  }

  async #feed(feed: Feed, asked: Asked, columns: ColumnId[], signal: AbortSignal): Promise<void> {
    const order_by = asked.order ? [`${asked.order.by} ${asked.order.up ? "ASC" : "DESC"}`] : [];
    const query: Partial<RunsQuery> = { experiments: asked.experiments, filter: asked.filter, order_by, deleted: feed.isDeleted, columns, limit: PAGE, page: feed.next };
    const page = await ask<List<RunRow>>("/api/v1/runs/search", query, signal);
    feed.waiting = page.items.map((row) => ({ ...row, isDeleted: feed.isDeleted }));
    feed.next = page.next ?? null;
    feed.isAll = feed.next === null;
    feed.columns = new Set(columns);
  }

  /** The columns that every row has that came last, whichever kind it is of. */
  #columnsOfAll(): Set<ColumnId> {
    const [one, other] = this.#feeds;
    return new Set([...(one?.columns ?? [])].filter((id) => !other || other.columns.has(id)));
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

/** The column that an order compares, when it is a metric, param or tag. */
function sortedBy(order: TableState["order"]): ColumnId | null {
  const [, kind, key] = /^(metrics|params|tags)\.(.+)$/s.exec(order?.by ?? "") ?? [];
  const id = `${kind}.${key?.replace(/^(["`])(.*)\1$/s, "$2")}`;
  return kind !== undefined && column(id) ? id : null;
}
