// What differs between two texts, line by line: the longest common subsequence of their lines.

export interface DiffLine {
  kind: "same" | "gone" | "new";
  text: string;
}

/** Cells of the table of lengths; texts that need more are told as replaced between their common ends. */
const MOST_CELLS = 4_000_000;

export function diff(old: string[], young: string[]): DiffLine[] {
  let start = 0;
  while (start < old.length && start < young.length && old[start] === young[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < young.length - start && old[old.length - 1 - end] === young[young.length - 1 - end]) end += 1;
  const same = (text: string): DiffLine => ({ kind: "same", text });
  const middle = between(old.slice(start, old.length - end), young.slice(start, young.length - end));
  return [...old.slice(0, start).map(same), ...middle, ...old.slice(old.length - end).map(same)];
}

function between(old: string[], young: string[]): DiffLine[] {
  const gone = (text: string): DiffLine => ({ kind: "gone", text });
  const added = (text: string): DiffLine => ({ kind: "new", text });
  const width = young.length + 1;
  if ((old.length + 1) * width > MOST_CELLS) return [...old.map(gone), ...young.map(added)];
  // `length[i * width + k]`: lines in common of `old` from `i` and `young` from `k` on.
  const length = new Uint32Array((old.length + 1) * width);
  const at = (i: number, k: number): number => length[i * width + k] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let k = young.length - 1; k >= 0; k -= 1) length[i * width + k] = old[i] === young[k] ? at(i + 1, k + 1) + 1 : Math.max(at(i + 1, k), at(i, k + 1));
  }
  const out: DiffLine[] = [];
  for (let i = 0, k = 0; i < old.length || k < young.length; ) {
    const [a, b] = [old[i], young[k]];
    if (a !== undefined && a === b) {
      out.push({ kind: "same", text: a });
      i += 1;
      k += 1;
    } else if (a !== undefined && (b === undefined || at(i + 1, k) >= at(i, k + 1))) {
      out.push(gone(a));
      i += 1;
    } else {
      out.push(added(b ?? ""));
      k += 1;
    }
  }
  return out;
}
