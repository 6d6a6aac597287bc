import { describe, expect, it } from "vitest";
import { fromMlflowHash, objectPath, parsePath, to, withQuery } from "../src/lib/url";

describe("paths", () => {
  it("name a page and its object", () => {
    expect(parsePath("/")).toEqual({ page: "home" });
    expect(parsePath("/rollouts")).toEqual({ page: "rollouts" });
    expect(parsePath("/monitors/a%20b")).toEqual({ page: "monitor", name: "a b" });
    expect(parsePath("/models/m/versions/3")).toEqual({ page: "version", name: "m", version: "3" });
    expect(parsePath("/lineage/model_version/m/3")).toEqual({ page: "lineage", kind: "model_version", id: "m/3" });
    expect(parsePath("/nothing/here/at/all")).toEqual({ page: "unknown", path: "/nothing/here/at/all" });
    expect(parsePath("/models/%E0%A4%A")).toEqual({ page: "model", name: "%E0%A4%A" });
  });
  it("are read back as they were made", () => {
    for (const name of ["flights", "a b", "a/b", "ü%?#&"]) {
      const path = (href: string): string => href.split("?")[0] ?? "";
      expect(parsePath(path(to.endpoint(name)))).toEqual({ page: "endpoint", name });
      expect(parsePath(path(to.monitor(name, "w", "f")))).toEqual({ page: "monitor", name });
      expect(parsePath(path(to.version(name, 2)))).toEqual({ page: "version", name, version: "2" });
      expect(parsePath(path(to.lineage("model_version", `${name}/2`)))).toEqual({ page: "lineage", kind: "model_version", id: `${name}/2` });
    }
  });
  it("lead to an object's own page where it has one", () => {
    expect(objectPath("model_version", "flights-delay/4")).toBe("/models/flights-delay/versions/4");
    expect(objectPath("dataset_version", "ab")).toBe("/datasets/ab");
    expect(objectPath("commit", "6a46")).toBe("/lineage/commit/6a46");
    expect(objectPath("model_version", "no-slash")).toBeNull();
    expect(objectPath("cat", "1")).toBeNull();
  });
});

describe("the links that MLflow's client prints", () => {
  it("open our pages", () => {
    const cases: [string, string | null][] = [
      ["#/experiments/1/runs/abc", "/runs/abc"],
      ["#/experiments/1/runs/abc/artifacts", "/runs/abc"],
      ["#/experiments/12", "/runs?experiment=12"],
      ["#/experiments/12?searchFilter=x", "/runs?experiment=12"],
      ["#/models/my%20model/versions/3", "/models/my%20model/versions/3"],
      ["#/models/m", "/models/m"],
      ["#/", "/"],
      ["#main", null],
      ["", null],
    ];
    expect(fromMlflowHash("#/experiments")).toBe("/experiments");
    expect(fromMlflowHash(`#/compare-runs?runs=${encodeURIComponent(JSON.stringify(["a".repeat(32), "b".repeat(32)]))}&experiments=[0]`)).toBe(`/compare?runs=${"a".repeat(32)},${"b".repeat(32)}`);
    expect(fromMlflowHash("#/prompts/greet")).toBe("/prompts/greet");
    expect(fromMlflowHash("#/prompts/greet/versions/2")).toBe("/prompts/greet?version=2");
    for (const [hash, path] of cases) expect(fromMlflowHash(hash), hash).toBe(path);
  });
});

it("changes the query without touching the rest", () => {
  const query = new URLSearchParams("window=1&page=x");
  expect(withQuery(query, { page: null, feature: "a b" })).toBe("?window=1&feature=a+b");
  expect(withQuery(query, { window: "", page: undefined })).toBe("");
  expect(query.toString()).toBe("window=1&page=x");
});
