// What the console reads by MLflow's REST API, because `/api/v1` has no call for it. Times are milliseconds since 1970.

const ROOT = "/ajax-api/2.0/mlflow/";

export interface Experiment {
  experiment_id: string;
  name: string;
  lifecycle_stage: "active" | "deleted";
  creation_time: number;
  last_update_time: number;
}

export interface DeletedExperiments {
  experiments?: Experiment[];
  next_page_token?: string;
}

/** Deleted experiments, a page of them. */
export function experimentsPath(page: string | null): string {
  const query = new URLSearchParams({ view_type: "DELETED_ONLY", max_results: "100", ...(page === null ? {} : { page_token: page }) });
  return `${ROOT}experiments/search?${query}`;
}

/** One experiment, deleted or not. */
export function experimentPath(id: string): string {
  return `${ROOT}experiments/get?${new URLSearchParams({ experiment_id: id })}`;
}

/** A registered model or a prompt; MLflow keeps both in one registry. */
export interface Registered {
  name: string;
  creation_timestamp: number;
  last_updated_timestamp: number;
  description?: string;
  tags?: { key: string; value: string }[];
  aliases?: { alias: string; version: string }[];
  latest_versions?: { version: string }[];
}

export interface RegisteredVersion {
  name: string;
  version: string;
  creation_timestamp: number;
  user_id?: string;
  description?: string;
  tags?: { key: string; value: string }[];
  aliases?: string[];
}

export interface RegisteredList {
  registered_models?: Registered[];
  next_page_token?: string;
}

export interface VersionList {
  model_versions?: RegisteredVersion[];
  next_page_token?: string;
}

const PROMPTS_ONLY = "tags.`mlflow.prompt.is_prompt` = 'true'";

function search(call: string, filter: string, order: string, limit: number, page: string | null): string {
  const query = new URLSearchParams({ filter, order_by: order, max_results: String(limit), ...(page === null ? {} : { page_token: page }) });
  return `${ROOT}${call}/search?${query}`;
}

/** Prompts, a page of them. */
export function promptsPath(page: string | null): string {
  return search("registered-models", PROMPTS_ONLY, "name ASC", 50, page);
}

/** Versions of a prompt, the newest first, a page of them. */
export function promptVersionsPath(name: string, page: string | null): string {
  const text = name.includes("'") ? `"${name}"` : `'${name}'`;
  return search("model-versions", `name = ${text} AND ${PROMPTS_ONLY}`, "version_number DESC", 50, page);
}

export function registeredPath(name: string): string {
  return `${ROOT}registered-models/get?${new URLSearchParams({ name })}`;
}

export function versionPath(name: string, version: string): string {
  return `${ROOT}model-versions/get?${new URLSearchParams({ name, version })}`;
}
