// Every state of every object in five tones. A tone has an icon and a colour; the word stays beside it.

export type Tone = "ok" | "warn" | "bad" | "busy" | "idle";

const TONES: Record<string, Tone> = {
  ok: "ok", ready: "ok", passed: "ok", promoted: "ok", done: "ok", finished: "ok", pass: "ok", healthy: "ok", closed: "ok", succeeded: "ok", safe: "ok", serving: "ok", better: "ok", promote: "ok", live: "ok",
  warning: "warn", drift: "warn", drifted: "warn", degraded: "warn", recommend: "warn", recommended: "warn", invalid: "warn", 
  failed: "bad", failure: "bad", rolled_back: "bad", refused: "bad", breached: "bad", breach: "bad", error: "bad", down: "bad", fail: "bad", critical: "bad", violated: "bad", killed: "bad", worse: "bad", roll_back: "bad", plan_failed: "bad", gate_refused: "bad",
  running: "busy", loading: "busy", shadow: "busy", canary: "busy", bake: "busy", gate: "busy", scheduled: "busy", active: "busy", current: "busy", warming: "busy", open: "busy",
  pending: "idle", hold: "idle", held: "idle", undecided: "idle", skipped: "idle", retired: "idle", too_few: "idle", aborted: "idle", none: "idle", inconclusive: "idle", unknown: "idle", collecting: "idle", waiting: "idle", recorded: "idle", kept_champion: "idle",
};

export function tone(state: string | null | undefined): Tone {
  const key = (state ?? "").toLowerCase().replace(/[\s-]+/g, "_");
  return TONES[key] ?? "idle";
}

const ENDED = new Set(["promoted", "rolled_back", "aborted", "refused", "failed", "superseded", "inconclusive"]);

export function isOpenRollout(state: string): boolean {
  return !ENDED.has(state);
}
