// Serves ui/dist with the policy of the real server, over made-up data. A fixture for the console's own tests and for
// working on it; nothing of it is in the product.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import * as data from "./data.mjs";
import * as runs from "./runs.mjs";

/** TRIMTAB_CONSOLE_DIST: another build than ui/dist, which a build of the server may be reading. */
const dist = process.env.TRIMTAB_CONSOLE_DIST ? pathToFileURL(`${process.env.TRIMTAB_CONSOLE_DIST}/`) : new URL("../../dist/", import.meta.url);
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const list = (items, query) => {
  const limit = Number(query.get("limit") ?? 50);
  const start = Number(query.get("page") ?? 0);
  return { items: items.slice(start, start + limit), next: start + limit < items.length ? String(start + limit) : null };
};

function answer(path, query, state) {
  const [kind, name, sub, key] = path.split("/").map(decodeURIComponent);
  const by = (field) => (item) => !query.get(field) || item[field] === query.get(field);
  if (state.empty && ["home", "server", "clock"].includes(kind) === false) return { items: [], next: null };
  switch (kind) {
    case "server": return data.server;
    case "clock": return data.clock;
    case "home": return state.empty ? { endpoints: [], runs: data.runs.slice(0, 3), next_command: "trimtab apply" } : data.home;
    case "endpoints": return name ? (name === "flights" ? data.endpoint : null) : list([data.endpoint], query);
    case "rollouts": return name ? data.rollouts.find((r) => r.id === name) : list(data.rollouts.filter(by("endpoint")), query);
    case "monitors": {
      if (!name) return list([data.monitor], query);
      if (name !== "flights") return null;
      if (sub !== "windows") return data.monitor;
      const to = query.get("to") ?? "9999";
      const all = data.windows.filter((w) => w.from < to);
      const limit = Number(query.get("limit") ?? 120);
      return { items: all.slice(-limit).reverse(), next: all.length > limit ? "more" : null };
    }
    case "windows": {
      const day = data.windows.findIndex((w) => w.id === name);
      return day < 0 ? null : data.window(day, true);
    }
    case "alerts": return list(data.alerts.filter(by("endpoint")).filter(by("monitor")), query);
    case "decisions": return list(data.decisions.filter(by("endpoint")), query);
    case "plans": return name ? data.plans.find((p) => p.id === name) : list(data.plans.filter(by("endpoint")), query);
    case "datasets": {
      const at = data.datasets.find((d) => d.id === name);
      return name ? at && data.dataset(at.number, true) : list(data.datasets.filter(by("name")), query);
    }
    case "models": if (sub === "alias-history") return runs.moves;
      return name ? (name === data.model.name ? data.model : null) : list([data.model], query);
    case "experiments": return list(runs.experiments, query);
    case "runs": {
      if (name === "keys") return runs.keys((query.get("experiments") ?? "").split(",").filter(Boolean));
      if (name === runs.wide.id) return runs.wide;
      if (!name) return list(data.runs.filter((r) => !query.get("experiment") || r.experiment_id === query.get("experiment")), query);
      return sub === "metrics" ? data.history(key, (state.tick += 1)) : data.runs.find((r) => r.id === name);
    }
    case "lineage": return data.lineage(name, sub, query.get("direction"));
    default: return null;
  }
}

/** Listens on a port of its own choosing; answers `{ url, close }`. `empty`: a fresh server without endpoints. */
export async function start({ port = 0, empty = false } = {}) {
  const state = { tick: 0, empty };
  const streams = new Set();
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (url.pathname === "/api/v1/events/stream") {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write(": here\n\n");
      streams.add(response);
      request.on("close", () => streams.delete(response));
      return;
    }
    if (url.pathname === "/api/2.0/mlflow/artifacts/list") {
      response.writeHead(200, { "content-type": "application/json" });
      if (url.searchParams.get("path") === "logs") return void response.end(JSON.stringify({ files: [{ path: "logs/console.log", is_dir: false, file_size: runs.files["logs/console.log"].length }] }));
      response.end(JSON.stringify({ files: [["model/MLmodel", 934], ["model/model.onnx", 487_231], ["model/requirements.txt", 88]].map(([path, file_size]) => ({ path, is_dir: false, file_size })) }));
      return;
    }
    if (url.pathname === "/get-artifact") {
      const file = runs.files[url.searchParams.get("path")];
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
      if (!file) return void response.writeHead(404).end();
      if (from === undefined) return void response.writeHead(200).end(file);
      if (Number(from) >= file.length) return void response.writeHead(416).end();
      response.writeHead(206, { "content-range": `bytes ${from}-${Math.min(Number(to), file.length - 1)}/${file.length}` });
      return void response.end(file.subarray(Number(from), Number(to) + 1));
    }
    if (request.method === "POST" && url.pathname.startsWith("/api/v1/")) {
      let text = "";
      request.on("data", (chunk) => (text += chunk));
      request.on("end", () => {
        let [status, body] = [200, null];
        try {
          body = url.pathname === "/api/v1/series" ? runs.series(JSON.parse(text)) : runs.search(JSON.parse(text));
        } catch (refusal) {
          [status, body] = [400, refusal];
        }
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      });
      return;
    }
    if (url.pathname.startsWith("/api/v1/")) {
      const found = answer(url.pathname.slice("/api/v1/".length), url.searchParams, state);
      response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
      response.end(JSON.stringify(found ?? { error: { code: "not_found", message: `there is no ${url.pathname.slice(8)}`, hint: "look at its list for what there is", request_id: "req-0001" } }));
      return;
    }
    const asset = new URL(`.${url.pathname}`, dist);
    const file = url.pathname !== "/" && existsSync(asset) && extname(url.pathname) ? asset : new URL("index.html", dist);
    const type = TYPES[extname(file.pathname)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-security-policy": CSP, "x-content-type-options": "nosniff" });
    response.end(readFileSync(file));
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  const tick = setInterval(() => streams.forEach((s) => s.write(`event: changed\ndata: {}\n\nevent: tracking.runs-changed\ndata: ${JSON.stringify({ payload: runs.work() })}\n\n`)), 2_000);
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      clearInterval(tick);
      streams.forEach((s) => s.end());
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
