// One door to the server: the token, the errors with their hints, and cancellation. Reads are of `/api/v1`; what
// MLflow's API can write already is written by it.

import type { ErrorBody } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
    readonly requestId: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether the same request may be answered otherwise next time; what was refused as it stands is refused again. */
  get mayPass(): boolean {
    return this.status < 400 || this.status >= 500 || this.status === 408 || this.status === 429;
  }
}

const TOKEN_KEY = "trimtab.token";

export function token(): string | null {
  return sessionStorage.getItem(TOKEN_KEY);
}

/** Kept for this tab only, and sent to this origin only. */
export function setToken(value: string | null): void {
  if (value) sessionStorage.setItem(TOKEN_KEY, value);
  else sessionStorage.removeItem(TOKEN_KEY);
}

export function headers(accept: string): Record<string, string> {
  const secret = token();
  return secret ? { accept, authorization: `Bearer ${secret}` } : { accept };
}

function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === "object" && value !== null && typeof (value as ErrorBody).error?.message === "string";
}

/** How MLflow's API tells an error. */
function isMlflowError(value: unknown): value is { error_code: string; message: string } {
  const body = value as { error_code?: unknown; message?: unknown } | null;
  return typeof body === "object" && typeof body?.error_code === "string" && typeof body.message === "string";
}

export async function failure(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  try {
    const body: unknown = JSON.parse(text);
    if (isMlflowError(body)) return new ApiError(response.status, body.error_code.toLowerCase(), body.message, null, response.headers.get("x-request-id"));
    if (isErrorBody(body)) {
      const { code, message, hint, request_id } = body.error;
      return new ApiError(response.status, code, message, hint ?? null, request_id ?? response.headers.get("x-request-id"));
    }
  } catch {
    // Not our error document: fall through to the status line.
  }
  const said = response.statusText || "no reason given";
  return new ApiError(response.status, "http", `the server answered ${response.status} (${said})`, null, response.headers.get("x-request-id"));
}

/** The body of a GET as text, so that a caller can tell an unchanged answer without comparing objects. */
export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  let response: Response;
  try {
    response = await fetch(path, { headers: headers("application/json"), signal: signal ?? null, cache: "no-store" });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "unreachable", "the server does not answer", "is `trimtab server` still running?");
  }
  if (!response.ok) throw await failure(response);
  return response.text();
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return JSON.parse(await getText(path, signal)) as T;
}

/** A POST that only asks: searches and samples have bodies. */
export function ask<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return send<T>("POST", path, body, signal);
}

/** A write by MLflow's REST API: `mlflow("POST", "runs/delete", { run_id })`. */
export function mlflow(method: "POST" | "PATCH" | "DELETE", call: string, body: Record<string, string>): Promise<unknown> {
  return send(method, `/ajax-api/2.0/mlflow/${call}`, body);
}

async function send<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { method, headers: { ...headers("application/json"), "content-type": "application/json" }, body: JSON.stringify(body), signal: signal ?? null, cache: "no-store" });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "unreachable", "the server does not answer", "is `trimtab server` still running?");
  }
  if (!response.ok) throw await failure(response);
  return (await response.json()) as T;
}

/** What `catch` caught, as the error that a page can show. */
export function told(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError(0, "unreadable", "the answer could not be read");
}

export interface Part {
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the whole file, where the server said it. */
  total: number | null;
  /** Whether the file goes on after these bytes. */
  isCut: boolean;
}

/** Some bytes of a file, from `start` on. A server without ranges sends the whole: reading ends where enough has come. */
export async function getPart(path: string, start: number, length: number, signal?: AbortSignal): Promise<Part> {
  const response = await fetch(path, { headers: { ...headers("*/*"), range: `bytes=${start}-${start + length - 1}` }, signal: signal ?? null, cache: "no-store" });
  if (response.status === 416) return { bytes: new Uint8Array(), total: start, isCut: false };
  if (!response.ok) throw await failure(response);
  const isPart = response.status === 206;
  const said = isPart ? /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] : response.headers.get("content-length");
  const total = said === undefined || said === null ? null : Number(said);
  const skip = isPart ? 0 : start;
  const chunks: Uint8Array[] = [];
  let have = 0;
  let ended = false;
  const reader = response.body?.getReader();
  while (reader && have < skip + length + 1) {
    const { done, value } = await reader.read();
    if (done) {
      ended = true;
      break;
    }
    chunks.push(value);
    have += value.length;
  }
  if (!ended) await reader?.cancel();
  const all = new Uint8Array(have);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  const bytes = all.slice(skip, skip + length);
  return { bytes, total, isCut: total === null ? have > skip + length : start + bytes.length < total };
}

/** `/api/v1/…` with its parts encoded and empty query values left out. */
export function api(parts: (string | number)[], query: Record<string, string | number | null | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return `/api/v1/${parts.map((part) => encodeURIComponent(String(part))).join("/")}${text ? `?${text}` : ""}`;
}
