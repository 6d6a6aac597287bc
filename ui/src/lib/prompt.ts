// A prompt is a registered model whose versions are texts; MLflow keeps the text, its kind and its settings in tags.

import { get } from "../api/client";
import { registeredPath, type Registered } from "../api/mlflow";

interface Tag {
  key: string;
  value: string;
}

const IS_PROMPT = "mlflow.prompt.is_prompt";
const TEXT = "mlflow.prompt.text";
const KIND = "_mlflow_prompt_type";
const SETTINGS: Record<string, string> = { _mlflow_prompt_response_format: "Response format", _mlflow_prompt_model_config: "Model settings" };

export interface Message {
  role: string;
  content: string;
}

export interface Prompt {
  /** One text without a role, or the messages of a chat in their order. */
  messages: Message[];
  isChat: boolean;
  /** The names between double braces, in the order of their first use. */
  variables: string[];
  settings: { label: string; text: string }[];
  tags: Tag[];
}

export function isPrompt(tags: Tag[] | undefined): boolean {
  return (tags ?? []).some((t) => t.key === IS_PROMPT && t.value.toLowerCase() === "true");
}

/** Tags that a person set. */
export function ownTags(tags: Tag[] | undefined): Tag[] {
  return (tags ?? []).filter((t) => !t.key.startsWith("mlflow.") && !t.key.startsWith("_mlflow_"));
}

/** The parts of a message's content; what is not text is shown as it was logged. */
function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map((part: unknown) => (typeof part === "object" && part !== null && typeof (part as { text?: unknown }).text === "string" ? (part as { text: string }).text : contentText(part))).join("\n");
  return content === null || content === undefined ? "" : JSON.stringify(content, null, 2);
}

function chat(text: string): Message[] | null {
  try {
    const found: unknown = JSON.parse(text);
    if (!Array.isArray(found)) return null;
    return found.map((message: unknown) => {
      const { role, content, ...rest } = (message ?? {}) as Record<string, unknown>;
      return { role: typeof role === "string" ? role : "message", content: content === undefined ? contentText(rest) : contentText(content) };
    });
  } catch {
    return null;
  }
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function promptOf(tags: Tag[] | undefined): Prompt {
  const of = (key: string): string | undefined => tags?.find((t) => t.key === key)?.value;
  const text = of(TEXT) ?? "";
  const messages = of(KIND) === "chat" ? chat(text) : null;
  const shown = messages ?? [{ role: "", content: text }];
  const names = shown.flatMap((m) => [...m.content.matchAll(/\{\{\s*([a-zA-Z_][\w.]*)\s*\}\}/g)].map((found) => found[1] ?? ""));
  const settings = Object.entries(SETTINGS).flatMap(([key, label]) => {
    const value = of(key);
    return value === undefined ? [] : [{ label, text: pretty(value) }];
  });
  return { messages: shown, isChat: messages !== null, variables: [...new Set(names)], settings, tags: ownTags(tags) };
}

/** The prompt as lines, for comparing: each message under its role. */
export function promptLines(prompt: Prompt): string[] {
  return prompt.messages.flatMap((m) => [...(prompt.isChat ? [`${m.role}:`] : []), ...m.content.split(/\r?\n/)]);
}

/** Whether the registered model of this name is a prompt; unknown names are not. */
export async function namesPrompt(name: string, signal: AbortSignal): Promise<boolean> {
  const found = await get<{ registered_model: Registered }>(registeredPath(name), signal).catch(() => null);
  return isPrompt(found?.registered_model.tags);
}
