// What people write about things: a tag of runs and experiments, a field of models and their versions.

import { mlflow } from "../api/client";

/** The tag that MLflow keeps a run's or an experiment's description in. */
export const NOTE = "mlflow.note.content";

/** Tags that clients and servers write for themselves. */
export function isSystemTag(key: string): boolean {
  return key.startsWith("mlflow.") || key.startsWith("trimtab.");
}

/** Writes a description; an empty one takes it away. */
export const describe = {
  run: (id: string, text: string) => (text === "" ? mlflow("POST", "runs/delete-tag", { run_id: id, key: NOTE }) : mlflow("POST", "runs/set-tag", { run_id: id, key: NOTE, value: text })),
  experiment: (id: string, text: string) => (text === "" ? mlflow("POST", "experiments/delete-experiment-tag", { experiment_id: id, key: NOTE }) : mlflow("POST", "experiments/set-experiment-tag", { experiment_id: id, key: NOTE, value: text })),
  model: (name: string, text: string) => mlflow("PATCH", "registered-models/update", { name, description: text }),
  version: (name: string, version: string, text: string) => mlflow("PATCH", "model-versions/update", { name, version, description: text }),
};
