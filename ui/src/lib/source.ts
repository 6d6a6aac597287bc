import { count } from "./format";

/** Where a dataset version's rows came from, in one line; `source` is `{kind: …}` or `{table|events: {…}}`. */
export function sourceText(given: unknown): string {
  if (typeof given !== "object" || given === null) return "–";
  const source = given as Record<string, unknown>;
  const kind = typeof source["kind"] === "string" ? source["kind"] : (Object.keys(source)[0] ?? "");
  const inner = source[kind];
  const fields = (typeof inner === "object" && inner !== null ? inner : source) as Record<string, unknown>;
  if (kind === "events") {
    const excluded = Number(fields["rows_excluded"] ?? 0);
    const parts = [`events of ${String(fields["endpoint"] ?? "?")}`];
    if (fields["labelled"] === true) parts.push("labelled");
    if (fields["exclude_quarantined"] === true) parts.push(`without ${count(excluded)} quarantined rows`);
    return parts.join(", ");
  }
  const path = fields["path"];
  return typeof path === "string" ? path : kind || "–";
}
