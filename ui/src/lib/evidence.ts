// Turns any JSON into names and values that a person can read, with links where a value names an object.

import { count, num, short, time, words } from "./format";
import { objectPath } from "./url";

export interface EvidenceItem {
  label: string;
  text: string;
  href: string | null;
}

const KINDS: Record<string, string> = {
  run: "run", run_id: "run", dataset: "dataset_version", dataset_version: "dataset_version", dataset_id: "dataset_version",
  evaluation: "dataset_version", evaluation_dataset: "dataset_version", training_dataset: "dataset_version", reference: "dataset_version",
  rollout: "rollout", rollout_id: "rollout", plan: "plan", plan_id: "plan", execution: "execution", revision: "revision", commit: "commit",
  endpoint: "endpoint", monitor: "monitor", model_version: "model_version",
};

function scalar(key: string, value: string | number | boolean): { text: string; href: string | null } {
  if (typeof value === "number") {
    const text = /(^|_)(seed|version|number|generation)$/.test(key) ? String(value) : /(^|_)(n|rows|excluded)$/.test(key) ? count(value) : num(value);
    return { text, href: null };
  }
  if (typeof value === "boolean") return { text: value ? "yes" : "no", href: null };
  const kind = KINDS[key];
  const isId = /^[0-9a-f]{32,64}$/.test(value);
  const href = kind && (isId || kind === "endpoint" || kind === "monitor" || kind === "model_version") ? objectPath(kind, value) : null;
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return { text: time(value), href: null };
  return { text: isId ? short(value) : value, href };
}

export function flatten(value: unknown, prefix = "", depth = 0): EvidenceItem[] {
  if (value === null || value === undefined) return [];
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    const key = prefix.split(" · ").pop() ?? "";
    return [{ label: words(prefix) || "value", ...scalar(key, value) }];
  }
  if (depth > 4) return [{ label: words(prefix), text: "…", href: null }];
  if (Array.isArray(value)) {
    const scalars = value.every((v) => typeof v === "string" || typeof v === "number" || typeof v === "boolean");
    if (scalars) {
      if (value.length === 0) return [];
      const shown = value.slice(0, 8).map((v) => scalar("", v as string | number | boolean).text);
      return [{ label: words(prefix), text: shown.join(", ") + (value.length > 8 ? ` and ${value.length - 8} more` : ""), href: null }];
    }
    return value.slice(0, 12).flatMap((v, i) => flatten(v, `${prefix} ${i + 1}`.trim(), depth + 1));
  }
  return Object.entries(value as Record<string, unknown>).flatMap(([key, v]) => flatten(v, prefix ? `${prefix} · ${key}` : key, depth + 1));
}
