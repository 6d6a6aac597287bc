// What the console deletes and restores, and the words that it asks with before. All of it goes by MLflow's REST API.

import { mlflow, told, type ApiError } from "../api/client";

export interface Named {
  id: string;
  name: string;
}

/** What is not gone for good: until when it can be had back. */
const KEPT = "It can be restored until `trimtab gc`, or the server's retention, removes it for good.";
const KEPT_ALL = KEPT.replace("It", "They");

export interface Question {
  title: string;
  /** What goes, and whether it can be had back. */
  says: string[];
  action: string;
}

export function askOfRuns(runs: Named[], what: "delete" | "restore"): Question {
  const one = runs.length === 1;
  const which = one ? `the run ${runs[0]?.name}` : `${runs.length} runs`;
  if (what === "restore") return { title: `Restore ${which}?`, says: [one ? "It comes back as it was, into its experiment." : "They come back as they were, into their experiments."], action: "Restore" };
  return {
    title: `Delete ${which}?`,
    says: [`${one ? "Its" : "Their"} metrics, parameters, tags and artifacts go out of sight with ${one ? "it" : "them"}; child runs stay.`, one ? KEPT : KEPT_ALL],
    action: one ? "Delete the run" : `Delete ${runs.length} runs`,
  };
}

export function askOfExperiment(name: string, what: "delete" | "restore"): Question {
  if (what === "restore") return { title: `Restore the experiment ${name}?`, says: ["All its runs come back with it, those too that were deleted one by one before."], action: "Restore" };
  return { title: `Delete the experiment ${name}?`, says: ["All its runs go out of sight with it, and its name is free again.", KEPT], action: "Delete the experiment" };
}

/** `versions`: how many it has, where that is known. */
export function askOfModel(name: string, versions: number | null, noun: "model" | "prompt"): Question {
  return {
    title: `Delete the ${noun} ${name}?`,
    says: [`${versions === 0 ? "It" : `Its ${versions === null ? "versions" : versions === 1 ? "one version" : `${versions} versions`}, its aliases and it`} cannot be restored.`, ...(noun === "model" ? ["The runs that it came from, and their files, stay."] : [])],
    action: `Delete the ${noun}`,
  };
}

export function askOfVersion(name: string, version: string | number, aliases: string[], noun: "model" | "prompt"): Question {
  const moved = aliases.length === 0 ? "" : ` ${aliases.map((a) => `@${a}`).join(", ")} then ${aliases.length === 1 ? "points" : "point"} at nothing.`;
  return { title: `Delete ${name} v${version}?`, says: [`The ${noun === "model" ? "version" : "prompt's version"} cannot be restored.${moved}`, ...(noun === "model" ? ["The run that made it stays."] : [])], action: "Delete the version" };
}

export const remove = {
  run: (id: string) => mlflow("POST", "runs/delete", { run_id: id }),
  experiment: (id: string) => mlflow("POST", "experiments/delete", { experiment_id: id }),
  model: (name: string) => mlflow("DELETE", "registered-models/delete", { name }),
  version: (name: string, version: string) => mlflow("DELETE", "model-versions/delete", { name, version }),
};

export const restore = {
  run: (id: string) => mlflow("POST", "runs/restore", { run_id: id }),
  experiment: (id: string) => mlflow("POST", "experiments/restore", { experiment_id: id }),
};

const AT_ONCE = 4;

/** Does it to each, a few at a time. Those that it could not be done to are named in the error; the others are done. */
export async function each(all: Named[], act: (id: string) => Promise<unknown>): Promise<void> {
  const failed: { name: string; error: ApiError }[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = all[next++]; item; item = all[next++]) {
      const { id, name } = item;
      await act(id).catch((cause: unknown) => failed.push({ name, error: told(cause) }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, worker));
  const first = failed[0];
  if (!first) return;
  if (all.length > 1) {
    const others = failed.length > 1 ? `, and ${failed.length - 1} more` : "";
    first.error.message = `${failed.length} of ${all.length} could not be: ${first.name} (${first.error.message})${others}`;
  }
  throw first.error;
}
