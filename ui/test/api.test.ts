import { describe, expect, it } from "vitest";
import { backoff, sseEvents } from "../src/api/backoff";
import { api, ApiError, failure } from "../src/api/client";
import { flatten } from "../src/lib/evidence";
import { layout } from "../src/lib/lineage";
import { sourceText } from "../src/lib/source";
import { isOpenRollout, tone } from "../src/lib/status";

describe("waiting", () => {
  it("doubles with each failure, up to a minute", () => {
    expect([0, 1, 2, 3, 4, 9].map((n) => backoff(5000, n, 0.5))).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect([backoff(5000, 0, 0), backoff(5000, 0, 1)]).toEqual([4000, 6000]);
  });
});

describe("the event stream", () => {
  it("is cut into events, whatever the chunks", () => {
    const first = sseEvents(": hello\n\nevent: changed\ndata: {\"a\":\ndata: 1}\n\nda");
    expect(first).toEqual({ events: [{ event: "changed", data: '{"a":\n1}' }], rest: "da" });
    expect(sseEvents(`${first.rest}ta: x\r\n\r\n`).events).toEqual([{ event: "message", data: "x" }]);
  });
});

describe("the client", () => {
  it("encodes parts and leaves empty values out", () => {
    expect(api(["lineage", "model_version", "m/3"], { direction: "upstream", page: null, limit: 5 })).toBe("/api/v1/lineage/model_version/m%2F3?direction=upstream&limit=5");
  });
  it("keeps the server's message, hint and request", async () => {
    const body = { error: { code: "not_found", message: "there is no run `x`", hint: "trimtab doctor", request_id: "r1" } };
    const error = await failure(new Response(JSON.stringify(body), { status: 404 }));
    expect(error).toMatchObject({ status: 404, code: "not_found", message: "there is no run `x`", hint: "trimtab doctor", requestId: "r1" });
  });
  it("offers to ask again only where that may help", () => {
    const helps = [0, 400, 401, 404, 408, 409, 429, 500, 503].filter((status) => new ApiError(status, "", "").mayPass);
    expect(helps).toEqual([0, 408, 429, 500, 503]);
  });
  it("says something also when the answer is not ours", async () => {
    const error = await failure(new Response("<html>bad gateway</html>", { status: 502, statusText: "Bad Gateway" }));
    expect(error.message).toBe("the server answered 502 (Bad Gateway)");
  });
});

describe("evidence", () => {
  it("is names and values, with links to objects", () => {
    const id = "0123456789abcdef0123456789abcdef";
    expect(flatten({ rows: 6241, run: id, difference: { low: -0.0271 }, passed: true, at: "2013-05-07T00:00:00Z", none: null, columns: ["a", "b"] })).toEqual([
      { label: "rows", text: "6\u202f241", href: null },
      { label: "run", text: "01234567", href: `/runs/${id}` },
      { label: "difference · low", text: "−0.02710", href: null },
      { label: "passed", text: "yes", href: null },
      { label: "at", text: "2013-05-07 00:00", href: null },
      { label: "columns", text: "a, b", href: null },
    ]);
  });
  it("is bounded for deep and long values", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`) as unknown;
    expect(flatten(deep)).toHaveLength(1);
    expect(flatten(Array.from({ length: 1000 }, (_, i) => ({ i })))).toHaveLength(12);
  });
});

describe("the lineage", () => {
  const ref = (kind: string, id: string): { kind: string; id: string } => ({ kind, id });
  const edge = (from: { kind: string; id: string }, to: { kind: string; id: string }): { from: typeof from; relation: string; to: typeof to; at: string } => ({ from, relation: "r", to, at: "" });
  const run = ref("run", "r");
  it("runs from sources at the left to results at the right", () => {
    const graph = layout(run, [edge(run, ref("dataset_version", "d")), edge(run, ref("commit", "c"))], [edge(ref("model_version", "m/1"), run), edge(ref("revision", "x"), ref("model_version", "m/1"))]);
    expect(graph.nodes.map((n) => [n.kind, n.column]).sort()).toEqual([["commit", 0], ["dataset_version", 0], ["model_version", 2], ["revision", 3], ["run", 1]]);
    expect(graph.edges).toHaveLength(4);
    expect(graph.columns).toBe(4);
  });
  it("draws a bounded number of objects and ends on cycles", () => {
    const many = Array.from({ length: 500 }, (_, i) => edge(ref("revision", String(i)), run));
    const graph = layout(run, [], [...many, edge(run, ref("revision", "1"))]);
    expect(graph.nodes.length).toBe(13);
    expect(graph.nodes.find((n) => n.hidden)?.hidden).toBe(489);
    expect(graph.rows).toBe(12);
  });
  it("stands alone", () => {
    expect(layout(run, [], [])).toMatchObject({ columns: 1, rows: 1, edges: [] });
  });
});

it("knows every state's tone, and an unknown one is neutral", () => {
  expect([tone("FINISHED"), tone("rolled_back"), tone("Running"), tone("too few"), tone("drift"), tone("something new"), tone(null)]).toEqual(["ok", "bad", "busy", "idle", "warn", "idle", "idle"]);
  expect(["running", "promoted", "rolled_back", "inconclusive", "aborted"].map(isOpenRollout)).toEqual([true, false, false, false, false]);
});

it("tells a dataset version's source in a line", () => {
  expect(sourceText({ kind: "events", endpoint: "flights", labelled: true, exclude_quarantined: true, rows_excluded: 7012 })).toBe("events of flights, labelled, without 7\u202f012 quarantined rows");
  expect(sourceText({ kind: "table", path: "a.parquet" })).toBe("a.parquet");
  expect(sourceText(null)).toBe("–");
});
