import { get, setToken, token } from "../api/client";
import type { ClockState, ServerInfo } from "../api/types";

/** What all pages share: the server, and the loop's clock, against which every age is told. */
class Session {
  server = $state.raw<ServerInfo | null>(null);
  clock = $state.raw<ClockState | null>(null);
  signIn = $state(false);
  #tick = $state(0);
  #skew = 0;

  /** The loop's now: the replay clock's moment, else the server's wall time carried on by ours. */
  now: string = $derived.by(() => {
    void this.#tick;
    if (this.clock?.replay) return this.clock.now;
    return new Date(Date.now() + this.#skew).toISOString();
  });

  start(): void {
    setInterval(() => (this.#tick += 1), 5_000);
    void get<ServerInfo>("/api/v1/server").then((server) => (this.server = server)).catch(() => undefined);
  }

  setClock(clock: ClockState): void {
    this.clock = clock;
    if (!clock.replay) this.#skew = Date.parse(clock.now) - Date.now();
  }

  get hasToken(): boolean {
    return token() !== null;
  }

  askForToken(): void {
    this.signIn = true;
  }

  /** Everything on the page was read as someone else: start anew. */
  useToken(value: string | null): void {
    setToken(value);
    location.reload();
  }
}

export const session = new Session();
