// Which metrics are of the run, and which of the machine that it ran on.

/** System metrics, and what `trimtab run` measured of the process. */
export function isOfMachine(key: string): boolean {
  return key.startsWith("system/") || key.startsWith("usage/");
}

/** The metrics that most of these runs measured, so that columns can be compared; the machine's are left out. */
export function common(runs: { metrics: { key: string }[] }[], most: number): string[] {
  const seen = new Map<string, number>();
  for (const run of runs) for (const { key } of run.metrics) if (!isOfMachine(key)) seen.set(key, (seen.get(key) ?? 0) + 1);
  return [...seen].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, most).map(([key]) => key);
}
