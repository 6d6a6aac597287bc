import { describe, expect, it } from "vitest";
import { diff } from "../src/lib/diff";
import { isPrompt, promptLines, promptOf } from "../src/lib/prompt";

const tag = (key: string, value: string): { key: string; value: string } => ({ key, value });

describe("a prompt", () => {
  it("is told by its tag", () => {
    expect([isPrompt([tag("mlflow.prompt.is_prompt", "true")]), isPrompt([tag("mlflow.prompt.is_prompt", "false")]), isPrompt(undefined)]).toEqual([true, false, false]);
  });
  it("is a text with variables", () => {
    const prompt = promptOf([tag("mlflow.prompt.text", "Greet {{ who }} of {{place.name}}, {{who}}."), tag("_mlflow_prompt_type", "text"), tag("team", "a")]);
    expect(prompt).toEqual({ messages: [{ role: "", content: "Greet {{ who }} of {{place.name}}, {{who}}." }], isChat: false, variables: ["who", "place.name"], settings: [], tags: [tag("team", "a")] });
  });
  it("is the messages of a chat, also where a message has parts", () => {
    const messages = [{ role: "system", content: "You are {{who}}" }, { role: "user", content: [{ type: "text", text: "look" }, { type: "image_url", image_url: "x" }] }];
    const prompt = promptOf([tag("mlflow.prompt.text", JSON.stringify(messages)), tag("_mlflow_prompt_type", "chat"), tag("_mlflow_prompt_model_config", '{"temperature":0}')]);
    expect(prompt.messages[0]).toEqual({ role: "system", content: "You are {{who}}" });
    expect(prompt.messages[1]?.content).toContain("look\n");
    expect(prompt.settings).toEqual([{ label: "Model settings", text: '{\n  "temperature": 0\n}' }]);
    expect(promptLines(prompt).slice(0, 3)).toEqual(["system:", "You are {{who}}", "user:"]);
  });
  it("stays readable when its text is not what its kind says", () => {
    expect(promptOf([tag("mlflow.prompt.text", "[not json"), tag("_mlflow_prompt_type", "chat")])).toMatchObject({ isChat: false, messages: [{ content: "[not json" }] });
    expect(promptOf(undefined).messages).toEqual([{ role: "", content: "" }]);
  });
});

describe("a difference", () => {
  const said = (a: string, b: string): string => diff(a.split(""), b.split("")).map((l) => ({ same: " ", gone: "-", new: "+" })[l.kind] + l.text).join("");
  it("keeps the most lines that both have", () => {
    expect(said("abc", "abc")).toBe(" a b c");
    expect(said("abcd", "axcd")).toBe(" a-b+x c d");
    expect(said("abcbdab", "bdcaba").match(/ /g)).toHaveLength(4);
    expect(diff([], ["x"])).toEqual([{ kind: "new", text: "x" }]);
    expect(diff(["x"], [])).toEqual([{ kind: "gone", text: "x" }]);
  });
  it("makes the one of the other, whatever they are", () => {
    for (const [a, b] of [["", ""], ["kitten", "sitting"], ["aaaa", "aa"], ["xaby", "bxya"]] as const) {
      const lines = diff([...a], [...b]);
      expect(lines.filter((l) => l.kind !== "new").map((l) => l.text).join("")).toBe(a);
      expect(lines.filter((l) => l.kind !== "gone").map((l) => l.text).join("")).toBe(b);
    }
  });
  it("of very long texts is still told, as a replacement", () => {
    const of = (name: string): string[] => ["head", ...Array.from({ length: 3_000 }, (_, i) => `${name}${i}`), "tail"];
    const lines = diff(of("a"), of("b"));
    expect(lines[0]).toEqual({ kind: "same", text: "head" });
    expect(lines).toHaveLength(6_002);
  });
});
