import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const server = process.env["TRIMTAB_SERVER"] ?? "http://127.0.0.1:5000";

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    // A strict content security policy has no `data:` sources, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 300,
  },
  // `npm run dev` shows the sources as they change, over the API of a running server, which takes writes and searches
  // from its own origin only.
  server: { host: "127.0.0.1", proxy: Object.fromEntries(["/api", "/ajax-api", "/get-artifact"].map((path) => [path, { target: server, changeOrigin: true, headers: { origin: server } }])) },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
