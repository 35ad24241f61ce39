/** Which screen the address names, after the `#`: it stays in the browser, keys in links too. */
import type { AppRoute, Route } from "./app-context.ts";

export interface Found {
  route: AppRoute;
  at: Route;
}

/** The first route that fits; undefined if none does. */
export function findRoute(routes: readonly AppRoute[], hash: string): Found | undefined {
  const [path, query] = splitOnce(hash.replace(/^#/, ""), "?");
  for (const route of routes) {
    const params = matched(route.path, path);
    if (params !== undefined)
      return { route, at: { path: route.path, params, query: new URLSearchParams(query) } };
  }
  return undefined;
}

function matched(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const text = given[at] ?? "";
    if (part.startsWith(":")) {
      const value = decoded(text);
      if (value === undefined || value === "") return undefined;
      params[part.slice(1)] = value;
    } else if (part !== text) return undefined;
  }
  return params;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}
