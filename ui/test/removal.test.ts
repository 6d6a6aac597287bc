import { describe, expect, it, vi } from "vitest";
import type { RunRow } from "../src/api/types";
import { ApiError, failure } from "../src/api/client";
import { before, front } from "../src/lib/merge";
import { askOfExperiment, askOfModel, askOfRuns, askOfVersion, each } from "../src/lib/removal";

const run = (n: number): { id: string; name: string } => ({ id: `id${n}`, name: `run-${n}` });

describe("what is asked before something goes", () => {
  it("names it, and says whether it can be had back", () => {
    expect(askOfRuns([run(1)], "delete")).toMatchObject({ title: "Delete the run run-1?", action: "Delete the run" });
    expect(askOfRuns([run(1), run(2)], "delete").says.join(" ")).toMatch(/They can be restored until `trimtab gc`/);
    expect(askOfExperiment("sweep", "delete").says.join(" ")).toMatch(/All its runs.*can be restored/);
    expect(askOfModel("flights", 3, "model").says[0]).toBe("Its 3 versions, its aliases and it cannot be restored.");
    expect(askOfVersion("flights", 2, ["champion"], "model").says[0]).toBe("The version cannot be restored. @champion then points at nothing.");
  });
});

describe("several at once", () => {
  it("are all tried, and those that failed are told by name", async () => {
    const act = vi.fn((id: string) => (id === "id3" ? Promise.reject(new ApiError(404, "resource_does_not_exist", "Run with id=id3 not found")) : Promise.resolve()));
    await expect(each([1, 2, 3, 4, 5, 6].map(run), act)).rejects.toMatchObject({ status: 404, message: "1 of 6 could not be: run-3 (Run with id=id3 not found)" });
    expect(act).toHaveBeenCalledTimes(6);
    await expect(each([run(1)], () => Promise.reject(new ApiError(403, "permission_denied", "no")))).rejects.toMatchObject({ message: "no" });
    await expect(each([], act)).resolves.toBeUndefined();
  });
  it("are told in the words of MLflow's API", async () => {
    const error = await failure(new Response(JSON.stringify({ error_code: "INVALID_STATE", message: "the run is deleted" }), { status: 400 }));
    expect(error).toMatchObject({ status: 400, code: "invalid_state", message: "the run is deleted" });
  });
});

describe("active and deleted runs in one table", () => {
  const row = (id: string, day: number, loss?: number | string): RunRow => ({ id, name: id, experiment_id: "1", experiment: "e", status: "FINISHED", user: null, started_at: `2026-01-0${day}T00:00:00Z`, ended_at: null, metrics: loss === undefined ? {} : { "val loss": loss }, params: {}, tags: {} });
  const sorted = (order: Parameters<typeof before>[0], ...rows: RunRow[]): string[] => rows.sort((a, b) => before(order, a, b)).map((r) => r.id);
  it("are newest first, and among equals by their ids", () => {
    expect(sorted(null, row("b", 1), row("c", 2), row("a", 1))).toEqual(["c", "a", "b"]);
  });
  it("are in MLflow's order of a metric: infinite ones at their ends, NaN and then none last either way", () => {
    const rows = [row("none", 1), row("nan", 1, "NaN"), row("two", 1, 2), row("inf", 1, "Infinity"), row("one", 1, 1), row("ninf", 1, "-Infinity")];
    const by = "metrics.`val loss`";
    expect(sorted({ by, up: true }, ...rows)).toEqual(["ninf", "one", "two", "inf", "nan", "none"]);
    expect(sorted({ by, up: false }, ...rows)).toEqual(["inf", "two", "one", "ninf", "nan", "none"]);
  });
  it("are joined only as far as both are known", () => {
    const order = (a: number, b: number): number => a - b;
    expect(front([1, 4], [2, 3], false, false, 9, order)).toEqual({ taken: [1, 2, 3], one: 1, other: 2 });
    expect(front([1, 4], [2, 3], false, true, 9, order)).toEqual({ taken: [1, 2, 3, 4], one: 2, other: 2 });
    expect(front([1, 4], [2, 3], true, true, 2, order)).toEqual({ taken: [1, 2], one: 1, other: 1 });
    expect(front([5, 6], [], true, true, 9, order)).toEqual({ taken: [5, 6], one: 2, other: 0 });
  });
});
