import { describe, expect, it } from "vitest";
import type { RunRow } from "../src/api/types";
import { axisOf, placeOn, suggested } from "../src/lib/parallel";
import { isText, jsonTable, kindOf, parseTable, plainLines } from "../src/lib/preview";

describe("previews", () => {
  it.each([["a/plot.PNG", "image"], ["scores.csv", "table"], ["x.json", "json"], ["train.py", "text"], ["model/MLmodel", "unknown"], ["weights.bin", "none"], ["data.parquet", "none"]])("%s is shown as %s", (path, kind) => expect(kindOf(path)).toBe(kind));
  it("read quotes, both ends of lines, and leave out the line that was cut", () => {
    expect(parseTable('a,b\r\n"x, ""y""",1\n"two\nlines",2\ncu', ",", true)).toEqual({ columns: ["a", "b"], rows: [['x, "y"', "1"], ["two\nlines", "2"]], isCut: true });
    expect(parseTable("a\tb\n1\t2", "\t", false)).toEqual({ columns: ["a", "b"], rows: [["1", "2"]], isCut: false });
    expect(parseTable("", ",", false)).toEqual({ columns: [], rows: [], isCut: false });
  });
  it("stop at 500 rows and say so", () => {
    const table = parseTable(`h\n${"1\n".repeat(2_000)}`, ",", false);
    expect([table.rows.length, table.isCut]).toEqual([500, true]);
  });
  it("know the tables of the client from other documents", () => {
    expect(jsonTable({ columns: ["q", "n"], data: [["why", null], [{ a: 1 }, 2]] })).toEqual({ columns: ["q", "n"], rows: [["why", ""], ['{"a":1}', "2"]], isCut: false });
    for (const other of [null, 1, [], { columns: ["a"] }, { columns: ["a"], data: [1] }]) expect(jsonTable(other)).toBeNull();
  });
  it("tell text from bytes", () => {
    expect([isText(new TextEncoder().encode("läuft")), isText(new Uint8Array([80, 75, 0, 4]))]).toEqual([true, false]);
  });
  it("write a terminal's lines as they were seen last", () => {
    expect(plainLines("10%\r50%\r100%\n\u001b[32mok\u001b[0m\r\nend")).toEqual(["100%", "ok", "end"]);
  });
});

describe("parallel coordinates", () => {
  const run = (params: Record<string, string>, metrics: Record<string, number | string>): RunRow => ({ id: JSON.stringify(params), name: "", experiment_id: "1", experiment: "e", status: "FINISHED", user: null, started_at: "2026-01-01T00:00:00Z", ended_at: null, metrics, params, tags: {} });
  const rows = [run({ lr: "0.00001", kind: "tree", seed: "1" }, { loss: 1 }), run({ lr: "0.1", kind: "linear", seed: "1" }, { loss: 3 }), run({ lr: "0.001", kind: "tree", seed: "1" }, { loss: "NaN" })];
  it("have axes for what differs", () => expect(suggested(rows, 8)).toEqual(["params.kind", "params.lr", "metrics.loss"]));
  it("are logarithmic over many decades, of words in their order, and without a point for NaN", () => {
    const lr = axisOf("params.lr", rows);
    const kind = axisOf("params.kind", rows);
    const loss = axisOf("metrics.loss", rows);
    expect(lr?.range?.isLog).toBe(true);
    expect(rows.map((row) => lr && placeOn(lr, row))).toEqual([0, 1, expect.closeTo(0.5, 6)]);
    expect(rows.map((row) => kind && placeOn(kind, row))).toEqual([1, 0, 1]);
    expect(rows.map((row) => loss && placeOn(loss, row))).toEqual([0, 1, null]);
    expect(axisOf("params.absent", rows)).toBeNull();
  });
});
