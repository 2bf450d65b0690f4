// The purge that is chosen, and what it covers.

import { ask } from "./api.js";
import { purges } from "./store.js";

let chosen = "";
let keys = { changed: new Set(), evicted: new Set() };
const listeners = [];

/** `{id, purge, changed, evicted}` of the chosen purge; null if none is chosen. */
export const selection = () =>
  purges.has(chosen) ? { id: chosen, purge: purges.get(chosen), ...keys } : null;

export const onSelection = (listener) => listeners.push(listener);

function tell() {
  for (const listener of listeners) listener();
}

/** Chooses a purge, or none if it is chosen already. */
export async function choose(id) {
  chosen = chosen === id ? "" : id;
  keys = { changed: new Set(), evicted: new Set() };
  tell();
  if (!chosen || purges.get(id)?.state === "planned") return;
  try {
    const found = await ask(`/api/purge?id=${encodeURIComponent(id)}`);
    if (chosen !== id) return;
    keys = { changed: new Set(found.changed), evicted: new Set(found.evicted) };
    tell();
  } catch {
    // The prefix alone is drawn.
  }
}
