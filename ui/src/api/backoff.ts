// How long to wait before the next try.

const CEILING_MS = 60_000;

/** Doubles from `base` with each failure in a row, up to a minute; `jitter` in 0..1 spreads many tabs by ±20 %. */
export function backoff(base: number, failures: number, jitter: number): number {
  const wait = Math.min(CEILING_MS, base * 2 ** Math.min(failures, 16));
  return Math.round(wait * (0.8 + 0.4 * jitter));
}

/** Splits a server-sent event stream into events; the rest of an unfinished one is given back. */
export function sseEvents(buffer: string): { events: { event: string; data: string }[]; rest: string } {
  const blocks = buffer.replace(/\r\n?/g, "\n").split("\n\n");
  const rest = blocks.pop() ?? "";
  const events = [];
  for (const block of blocks) {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    }
    if (data.length > 0) events.push({ event, data: data.join("\n") });
  }
  return { events, rest };
}
