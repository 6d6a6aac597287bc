import { afterEach, beforeEach, describe as group, expect, it, vi } from "vitest";
import { describe, isSystemTag } from "../src/lib/notes";

const calls: { method: string; path: string; body: unknown }[] = [];
beforeEach(() => {
  calls.length = 0;
  vi.stubGlobal("sessionStorage", { getItem: () => null });
  vi.stubGlobal("fetch", (path: string, init: { method: string; body: string }) => {
    calls.push({ method: init.method, path, body: JSON.parse(init.body) as unknown });
    return Promise.resolve(new Response("{}"));
  });
});
afterEach(() => vi.unstubAllGlobals());

group("descriptions", () => {
  it("are MLflow's tag of a run and of an experiment, and an empty one takes it away", async () => {
    await describe.run("r", "a\nb");
    await describe.run("r", "");
    await describe.experiment("1", "");
    expect(calls).toEqual([
      { method: "POST", path: "/ajax-api/2.0/mlflow/runs/set-tag", body: { run_id: "r", key: "mlflow.note.content", value: "a\nb" } },
      { method: "POST", path: "/ajax-api/2.0/mlflow/runs/delete-tag", body: { run_id: "r", key: "mlflow.note.content" } },
      { method: "POST", path: "/ajax-api/2.0/mlflow/experiments/delete-experiment-tag", body: { experiment_id: "1", key: "mlflow.note.content" } },
    ]);
  });
  it("are a field of models and versions", async () => {
    await describe.version("m", "2", "");
    expect(calls).toEqual([{ method: "PATCH", path: "/ajax-api/2.0/mlflow/model-versions/update", body: { name: "m", version: "2", description: "" } }]);
  });
});

it("knows tags that no person wrote", () => {
  expect(["mlflow.loggedArtifacts", "trimtab.export", "team", "mlflow"].map(isSystemTag)).toEqual([true, true, false, false]);
});
