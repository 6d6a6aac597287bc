import { fromMlflowHash, parsePath, withQuery, type Route } from "./url";

/** The address bar as state; links are plain anchors, caught here. */
class Router {
  path = $state("/");
  query = $state(new URLSearchParams());
  route: Route = $derived(parsePath(this.path));

  start(): void {
    const read = (): void => {
      const mapped = fromMlflowHash(location.hash);
      if (mapped !== null) history.replaceState(null, "", mapped);
      this.path = location.pathname;
      this.query = new URLSearchParams(location.search);
    };
    read();
    addEventListener("popstate", read);
    addEventListener("hashchange", read);
    document.addEventListener("click", (event) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const anchor = (event.target as Element | null)?.closest("a");
      if (!anchor || anchor.target || anchor.hasAttribute("download")) return;
      const href = anchor.getAttribute("href");
      if (!href?.startsWith("/") || href.startsWith("//") || anchor.dataset["external"] !== undefined) return;
      event.preventDefault();
      this.go(href);
    });
  }

  go(href: string, replace = false): void {
    const url = new URL(href, location.origin);
    const samePage = url.pathname === this.path;
    history[replace ? "replaceState" : "pushState"](null, "", url.pathname + url.search);
    this.path = url.pathname;
    this.query = url.searchParams;
    if (!samePage) {
      scrollTo(0, 0);
      // A screen reader and the keyboard start over at the new page's content.
      document.getElementById("main")?.focus({ preventScroll: true });
    }
  }

  /** Changes parts of the query in place; a selection on a page is no new entry in the history. */
  set(changes: Record<string, string | null | undefined>, replace = true): void {
    this.go(this.path + withQuery(this.query, changes), replace);
  }

  get(key: string): string | null {
    return this.query.get(key);
  }
}

export const router = new Router();
