// The address is the state: a path names the page and its object, the query the rest.

export interface Location {
  path: string;
  query: URLSearchParams;
}

export type Route =
  | { page: "home" }
  | { page: "endpoints" }
  | { page: "endpoint"; name: string }
  | { page: "rollouts" }
  | { page: "rollout"; id: string }
  | { page: "monitors" }
  | { page: "monitor"; name: string }
  | { page: "alerts" }
  | { page: "decisions" }
  | { page: "runs" }
  | { page: "run"; id: string }
  | { page: "compare" }
  | { page: "experiments" }
  | { page: "plans" }
  | { page: "plan"; id: string }
  | { page: "datasets" }
  | { page: "dataset"; id: string }
  | { page: "models" }
  | { page: "model"; name: string }
  | { page: "prompts" }
  | { page: "prompt"; name: string }
  | { page: "version"; name: string; version: string }
  | { page: "lineage"; kind: string; id: string }
  | { page: "unknown"; path: string };

const LISTS = ["endpoints", "rollouts", "monitors", "alerts", "decisions", "runs", "compare", "experiments", "plans", "datasets", "models", "prompts"] as const;

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function parsePath(path: string): Route {
  const parts = path.split("/").filter((p) => p !== "").map(decode);
  const [head, id, third, fourth] = parts;
  if (head === undefined) return { page: "home" };
  if (parts.length === 1) {
    const list = LISTS.find((name) => name === head);
    if (list) return { page: list };
  }
  if (id !== undefined && parts.length === 2) {
    switch (head) {
      case "endpoints": return { page: "endpoint", name: id };
      case "rollouts": return { page: "rollout", id };
      case "monitors": return { page: "monitor", name: id };
      case "runs": return { page: "run", id };
      case "plans": return { page: "plan", id };
      case "datasets": return { page: "dataset", id };
      case "models": return { page: "model", name: id };
      case "prompts": return { page: "prompt", name: id };
    }
  }
  if (head === "models" && id !== undefined && third === "versions" && fourth !== undefined && parts.length === 4) {
    return { page: "version", name: id, version: fourth };
  }
  if (head === "lineage" && id !== undefined && third !== undefined) {
    return { page: "lineage", kind: id, id: parts.slice(2).join("/") };
  }
  return { page: "unknown", path };
}

const e = encodeURIComponent;

export const to = {
  home: (): string => "/",
  endpoint: (name: string): string => `/endpoints/${e(name)}`,
  rollouts: (endpoint?: string): string => `/rollouts${endpoint ? `?endpoint=${e(endpoint)}` : ""}`,
  rollout: (id: string): string => `/rollouts/${e(id)}`,
  monitor: (name: string, window?: string | null, feature?: string | null): string => {
    const query = new URLSearchParams();
    if (window) query.set("window", window);
    if (feature) query.set("feature", feature);
    const text = query.toString();
    return `/monitors/${e(name)}${text ? `?${text}` : ""}`;
  },
  run: (id: string): string => `/runs/${e(id)}`,
  runsOf: (experiment: string): string => `/runs?experiment=${e(experiment)}`,
  compare: (runs: string[]): string => `/compare?runs=${runs.map(e).join(",")}`,
  plan: (id: string): string => `/plans/${e(id)}`,
  dataset: (id: string): string => `/datasets/${e(id)}`,
  model: (name: string): string => `/models/${e(name)}`,
  version: (name: string, version: number | string): string => `/models/${e(name)}/versions/${e(String(version))}`,
  prompt: (name: string, version?: number | string): string => `/prompts/${e(name)}${version === undefined ? "" : `?version=${e(String(version))}`}`,
  lineage: (kind: string, id: string): string => `/lineage/${e(kind)}/${id.split("/").map(e).join("/")}`,
};

/** Where an object of the lineage or of a decision is shown; null when it has no page of its own. */
export function objectPath(kind: string, id: string): string | null {
  switch (kind) {
    case "endpoint": return to.endpoint(id);
    case "rollout": return to.rollout(id);
    case "monitor": return to.monitor(id);
    case "run": return to.run(id);
    case "plan": return to.plan(id);
    case "dataset_version": case "dataset": return to.dataset(id);
    case "model": return to.model(id);
    case "model_version": {
      const slash = id.lastIndexOf("/");
      return slash > 0 ? to.version(id.slice(0, slash), id.slice(slash + 1)) : null;
    }
    case "revision": case "execution": case "commit": case "prediction": return to.lineage(kind, id);
    default: return null;
  }
}

/** The links that MLflow's client prints carry their path in the fragment: give ours, or null. */
export function fromMlflowHash(hash: string): string | null {
  if (!hash.startsWith("#/")) return null;
  const [path = "", query = ""] = hash.slice(1).split("?", 2);
  const parts = path.split("/").filter((p) => p !== "").map(decode);
  if (parts[0] === "experiments" && parts[2] === "runs" && parts[3]) return to.run(parts[3]);
  if (parts[0] === "experiments" && parts[1]) return `/runs?experiment=${e(parts[1])}`;
  if (parts[0] === "experiments") return "/experiments";
  if (parts[0] === "compare-runs") {
    const runs = new URLSearchParams(query).get("runs")?.match(/[0-9a-f]{32}/g);
    return to.compare(runs ?? []);
  }
  if (parts[0] === "runs" && parts[1]) return to.run(parts[1]);
  if (parts[0] === "models" && parts[1] && parts[2] === "versions" && parts[3]) return to.version(parts[1], parts[3]);
  if (parts[0] === "models" && parts[1]) return to.model(parts[1]);
  if (parts[0] === "prompts") return parts[1] ? to.prompt(parts[1], parts[2] === "versions" ? parts[3] : undefined) : "/prompts";
  if (parts[0] === "models") return "/models";
  if (parts.length === 0) return query ? `/?${query}` : "/";
  return null;
}

/** The query with some keys changed; empty values leave it. */
export function withQuery(query: URLSearchParams, changes: Record<string, string | null | undefined>): string {
  const next = new URLSearchParams(query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") next.delete(key);
    else next.set(key, value);
  }
  const text = next.toString();
  return text ? `?${text}` : "";
}
