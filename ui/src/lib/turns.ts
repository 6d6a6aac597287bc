// Work that draws takes turns: a few milliseconds a frame, so that scrolling past many charts stays smooth.

const BUDGET_MS = 7;

const queue: { run: () => void; isLive: () => boolean }[] = [];
let asked = false;

function frame(): void {
  const start = performance.now();
  while (queue.length > 0 && performance.now() - start < BUDGET_MS) {
    const next = queue.shift();
    if (next?.isLive()) next.run();
  }
  asked = queue.length > 0;
  if (asked) requestAnimationFrame(frame);
}

/** Runs `work` in one of the next frames, unless it is taken back before. */
export function takeTurn(work: () => void): () => void {
  let live = true;
  queue.push({ run: work, isLive: () => live });
  if (!asked) {
    asked = true;
    requestAnimationFrame(frame);
  }
  return () => {
    live = false;
  };
}

