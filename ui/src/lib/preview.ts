// What of an artifact can be shown, and how its bytes become that.

export type Kind = "image" | "table" | "json" | "text" | "none";

const IMAGES: Record<string, string> = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", bmp: "image/bmp", svg: "image/svg+xml" };
const TEXTS = new Set(["txt", "log", "md", "rst", "py", "r", "sh", "toml", "yaml", "yml", "ini", "cfg", "conf", "xml", "html", "htm", "js", "ts", "css", "sql", "diff", "patch", "lock", "env", "jsonl", "ndjson", "geojson", "out", "err"]);
const NAMES = new Set(["MLmodel", "Dockerfile", "Makefile", "LICENSE", "README", "requirements", "conda"]);

const suffix = (path: string): string => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
};

/** By its name alone; a file that no name tells is looked at as text if its bytes are. */
export function kindOf(path: string): Kind | "unknown" {
  const end = suffix(path);
  if (end in IMAGES) return "image";
  if (end === "csv" || end === "tsv") return "table";
  if (end === "json") return "json";
  if (TEXTS.has(end)) return "text";
  return end === "" || NAMES.has(path.slice(path.lastIndexOf("/") + 1)) ? "unknown" : "none";
}

export const mediaOf = (path: string): string => IMAGES[suffix(path)] ?? "application/octet-stream";

/** How many bytes are fetched of each kind; an image is whole or not shown. */
export const LIMITS: Record<Kind | "unknown", number> = { image: 20_000_000, table: 512_000, json: 2_000_000, text: 256_000, unknown: 256_000, none: 0 };

export function isText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 4096);
  return !head.includes(0);
}

export interface Table {
  columns: string[];
  rows: string[][];
  /** Whether there is more than is shown. */
  isCut: boolean;
}

const ROWS = 500;
const COLUMNS = 100;

/** Comma or tab separated text, with quotes; of a file that was cut, its last line is left out. */
export function parseTable(text: string, separator: "," | "\t", isCut: boolean): Table {
  const rows: string[][] = [];
  let row: string[] = [];
  let value = "";
  let inside = false;
  let more = isCut;
  const end = (): void => {
    row.push(value);
    value = "";
  };
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (inside) {
      if (c !== '"') value += c;
      else if (text[i + 1] === '"') {
        value += '"';
        i += 1;
      } else inside = false;
    } else if (c === '"' && value === "") inside = true;
    else if (c === separator) end();
    else if (c === "\n") {
      end();
      rows.push(row);
      row = [];
      if (rows.length > ROWS) {
        more = more || i + 1 < text.length;
        break;
      }
    } else if (c !== "\r") value += c;
  }
  if (!isCut && rows.length <= ROWS && (value !== "" || row.length > 0)) {
    end();
    rows.push(row);
  }
  const [head = [], ...body] = rows;
  return { columns: head.slice(0, COLUMNS), rows: body.slice(0, ROWS).map((r) => r.slice(0, COLUMNS)), isCut: more || body.length > ROWS || head.length > COLUMNS };
}

/** The tables of `mlflow.log_table`: `{"columns": […], "data": [[…], …]}`; null when it is another document. */
export function jsonTable(value: unknown): Table | null {
  if (typeof value !== "object" || value === null) return null;
  const { columns, data } = value as { columns?: unknown; data?: unknown };
  if (!Array.isArray(columns) || !Array.isArray(data) || !data.every((row) => Array.isArray(row))) return null;
  const said = (x: unknown): string => (typeof x === "string" ? x : x === null || x === undefined ? "" : JSON.stringify(x));
  return {
    columns: columns.slice(0, COLUMNS).map(said),
    rows: (data as unknown[][]).slice(0, ROWS).map((row) => row.slice(0, COLUMNS).map(said)),
    isCut: data.length > ROWS || columns.length > COLUMNS,
  };
}

/** A terminal's lines as a person would have seen them: no colours, and of a progress bar its last state. */
export function plainLines(text: string): string[] {
  // eslint-disable-next-line no-control-regex
  const clean = text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, "").replace(/\u001b\][^\u0007]*\u0007/g, "");
  return clean.split("\n").map((line) => {
    const trimmed = line.endsWith("\r") ? line.slice(0, -1) : line;
    return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
  });
}
