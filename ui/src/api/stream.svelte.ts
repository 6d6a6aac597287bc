// The server's event stream, shared by all pages: an event says only that something changed; pages read again.
// It is read with fetch, because an EventSource cannot carry a token.

import { backoff, sseEvents } from "./backoff";
import { headers } from "./client";

const FIRST_WAIT_MS = 2_000;
/** Runs change many times a second while they train: only pages that show runs hear of it. */
const RUNS_CHANGED = "tracking.runs-changed";

/** Runs that were made or written to. */
export interface RunChange {
  experiment: string;
  runs: string[];
}

class Stream {
  /** `live`: events arrive; `polling`: no stream, pages ask now and then. */
  state = $state<"live" | "polling">("polling");
  #listeners = new Set<() => void>();
  #runListeners = new Set<(change: RunChange) => void>();
  #running = false;

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  subscribeRuns(listener: (change: RunChange) => void): () => void {
    this.#runListeners.add(listener);
    return () => this.#runListeners.delete(listener);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    let failures = 0;
    for (;;) {
      try {
        await this.#read(() => {
          failures = 0;
        });
      } catch {
        // Whatever broke it, the pages poll until the next try.
      }
      this.state = "polling";
      await new Promise((done) => setTimeout(done, backoff(FIRST_WAIT_MS, failures, Math.random())));
      failures += 1;
    }
  }

  async #read(opened: () => void): Promise<void> {
    const response = await fetch("/api/v1/events/stream", { headers: headers("text/event-stream"), cache: "no-store" });
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || !type.startsWith("text/event-stream") || !response.body) {
      await response.body?.cancel();
      return;
    }
    opened();
    this.state = "live";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let buffer = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const { events, rest } = sseEvents(buffer + value);
      buffer = rest.slice(-65_536);
      if (events.some((event) => event.event !== RUNS_CHANGED)) for (const listener of this.#listeners) listener();
      for (const event of events) if (event.event === RUNS_CHANGED) this.#runsChanged(event.data);
    }
  }

  #runsChanged(data: string): void {
    const { payload } = JSON.parse(data) as { payload: RunChange };
    for (const listener of this.#runListeners) listener(payload);
  }
}

export const stream = new Stream();
