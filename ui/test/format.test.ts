import { describe, expect, it } from "vitest";
import { ago, bytes, count, num, pValue, percent, range, short, span, ticks, time, weight, words } from "../src/lib/format";

const each = (cases: [string | null, string][]): void => {
  for (const [got, want] of cases) expect(got).toBe(want);
};

describe("numbers", () => {
  it("are grouped, signed and bounded", () => {
    each([
      [count(336776), "336\u202f776"], [count(0), "0"], [count(-1200), "−1\u202f200"], [count(null), "–"], [count(NaN), "–"],
      [num(0.48631), "0.4863"], [num(-0.0208, 3), "−0.0208"], [num(12345.678), "12\u202f346"], [num(-44063.39), "−44\u202f063"], [num(1234.56, 6), "1\u202f234.56"], [num(-0.00001234), "−1.23e−5"], [num(3), "3"], [num(0), "0"], [num(NaN), "NaN"], [num(Infinity), "∞"], [num(-Infinity), "−∞"], [num(undefined), "–"],
      [num(0.00001234), "1.23e−5"], [num(12_345_678.9), "1.23e+7"],
      [percent(0.257), "25.7 %"], [percent(-0.5, 0), "−50 %"], [percent(null), "–"],
      [pValue(0), "< 0.0001"], [pValue(0.0312), "0.0312"], [pValue(null), "–"],
      [weight(500), "5 %"], [weight(2500), "25 %"], [weight(25), "0.25 %"], [weight(1250), "12.5 %"],
      [bytes(934), "934 B"], [bytes(1_500), "1.5 kB"], [bytes(487_231), "487 kB"],
    ]);
  });
});

describe("the labels of an axis", () => {
  it.each([
    [[99.7, 99.8, 99.9, 100], ["99.7", "99.8", "99.9", "100.0"]],
    [[54.75, 54.76, 54.77, 54.78], ["54.75", "54.76", "54.77", "54.78"]],
    [[44063.1, 44063.2], ["44\u202f063.1", "44\u202f063.2"]],
    [[53525, 53550, 53575], ["53\u202f525", "53\u202f550", "53\u202f575"]],
    [[-0.25, 0, 0.25], ["−0.25", "0", "0.25"]],
    [[0, 0.30000000000000004, 0.6], ["0", "0.3", "0.6"]],
    [[1_250_000, 1_500_000], ["1.25e+6", "1.50e+6"]],
    [[0.00002, 0.00004], ["2e−5", "4e−5"]],
    [[5, null, 10], ["5", "", "10"]],
    [[2], ["2"]],
    [[], []],
  ])("of %j", (at, said) => expect(ticks(at)).toEqual(said));
  it("differ wherever their values do", () => {
    for (const [start, step] of [[0, 1e-9], [1e9, 1], [123.456, 0.0005], [-7, 2.5], [999_999, 0.5]] as const) {
      const said = ticks(Array.from({ length: 6 }, (_, i) => start + i * step));
      expect(new Set(said).size, said.join(" ")).toBe(6);
    }
  });
});

describe("times", () => {
  it("are told in two units at most", () => {
    each([[span(0.12), "120 ms"], [span(4.4), "4.4 s"], [span(59), "59 s"], [span(61), "1 min 1 s"], [span(3600), "1 h"], [span(3599.7), "1 h"], [span(59.6), "1 min"], [span(90_000), "1 d 1 h"], [span(86_400 * 57), "57 d"], [span(null), "–"]]);
  });
  it("are UTC, whatever the browser's zone", () => {
    each([[time("2013-03-04T05:06:07Z"), "2013-03-04 05:06"], [time("2013-03-04T05:06:07.5Z", true), "2013-03-04 05:06:07"], [time(null), "–"], [time("soon"), "soon"]]);
  });
  it("name windows as shortly as stays clear", () => {
    each([
      [range("2013-05-07T00:00:00Z", "2013-05-08T00:00:00Z"), "2013-05-07"],
      [range("2013-05-07T00:00:00Z", "2013-05-14T00:00:00Z"), "2013-05-07 – 2013-05-13"],
      [range("2013-05-07T06:00:00Z", "2013-05-07T12:00:00Z"), "2013-05-07 06:00 – 12:00"],
      [range("2013-05-07T06:00:00Z", "2013-05-09T12:00:00Z"), "2013-05-07 06:00 – 2013-05-09 12:00"],
      [range(null, null), "–"],
    ]);
  });
  it("are ages against the loop's clock", () => {
    each([[ago("2013-05-07T00:00:00Z", "2013-05-07T02:00:00Z"), "2 h ago"], [ago("2013-05-07T02:00:00Z", "2013-05-07T00:00:00Z"), "in 2 h"], [ago("2013-05-07T00:00:00Z", "2013-05-07T00:00:00Z"), "now"], [ago(null, "2013-05-07T00:00:00Z"), "–"]]);
  });
});

it("shortens ids and leaves names", () => {
  each([[short("0123456789abcdef0123456789abcdef"), "01234567"], [short("flights"), "flights"], [short(null), "–"], [words("rolled_back"), "rolled back"]]);
});
