// What the console reads by MLflow's REST API, because `/api/v1` has no call for it. Times are milliseconds since 1970.

const ROOT = "/ajax-api/2.0/mlflow/";

export interface DeletedExperiments {
  experiments?: { experiment_id: string; name: string; creation_time: number; last_update_time: number }[];
  next_page_token?: string;
}

/** Deleted experiments, a page of them. */
export function experimentsPath(page: string | null): string {
  const query = new URLSearchParams({ view_type: "DELETED_ONLY", max_results: "100", ...(page === null ? {} : { page_token: page }) });
  return `${ROOT}experiments/search?${query}`;
}
