// A GET that stays up to date: asked again when the stream says that something changed, and now and then anyway.

import { backoff } from "./backoff";
import { ApiError, getText } from "./client";
import { stream } from "./stream.svelte";

const POLL_MS = 5_000;
const POLL_WITH_STREAM_MS = 20_000;
/** After a failure; it doubles with each in a row. */
const FIRST_RETRY_MS = 1_500;
/** A busy server may send many events a second; a page asks at most this often. */
const LEAST_GAP_MS = 1_200;

export class Live<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  #text = "";
  #failures = 0;
  #last = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | undefined;
  #path: string | null = null;

  /** `ofRun`: also ask again when this run changes. */
  constructor(private readonly ofRun: (() => string | null) | null = null) {}

  follow(path: string | null): () => void {
    this.#path = path;
    this.#failures = 0;
    if (path === null) {
      this.loading = false;
      this.data = undefined;
      this.#text = "";
      return () => undefined;
    }
    this.loading = true;
    void this.#ask();
    const unsubscribe = stream.subscribe(() => this.#soon());
    const leaveRuns = stream.subscribeRuns((change) => {
      if (this.ofRun && change.runs.includes(this.ofRun() ?? "")) this.#soon();
    });
    const seen = (): void => {
      if (!document.hidden) this.#soon();
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      unsubscribe();
      leaveRuns();
      document.removeEventListener("visibilitychange", seen);
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#abort?.abort();
    };
  }

  retry(): void {
    this.#failures = 0;
    void this.#ask();
  }

  #soon(): void {
    if (document.hidden || this.#failures > 0) return;
    this.#plan(Math.max(0, this.#last + LEAST_GAP_MS - performance.now()));
  }

  #plan(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), wait);
  }

  async #ask(): Promise<void> {
    const path = this.#path;
    if (path === null) return;
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#last = performance.now();
    try {
      const text = await getText(path, abort.signal);
      if (abort.signal.aborted) return;
      if (text !== this.#text || this.data === undefined) {
        this.#text = text;
        this.data = JSON.parse(text) as T;
      }
      this.error = null;
      this.#failures = 0;
    } catch (cause) {
      if (abort.signal.aborted) return;
      this.error = cause instanceof ApiError ? cause : new ApiError(0, "unreadable", "the answer could not be read");
      this.#failures += 1;
    }
    this.loading = false;
    const base = this.#failures > 0 ? FIRST_RETRY_MS : stream.state === "live" ? POLL_WITH_STREAM_MS : POLL_MS;
    // Hidden pages wait for their tab to be seen again; a page without answer backs off.
    if (!document.hidden) this.#plan(backoff(base, this.#failures, Math.random()));
  }
}

/** Follows `path` while the component that calls this is mounted. */
export function live<T>(path: () => string | null, ofRun: (() => string | null) | null = null): Live<T> {
  const resource = new Live<T>(ofRun);
  $effect(() => resource.follow(path()));
  return resource;
}
