// What the edge shows of the objects on the screen. A look is what a visitor does: the edge may fetch for it.

import { send } from "./api.js";
import { objects, purges } from "./store.js";

const EACH_MS = 700;
const SETTLED_SECONDS = 5;
const MOST = 60;
const LONGEST_PAUSE_MS = 30_000;

const looks = new Map();
let busy = false;
let live = true;
let pause = 0;
let pausedUntil = 0;

export const lookOf = (key) => looks.get(key);

/** Whether the edge shows what the origin holds; null if nobody looked yet. */
export function isSame(key) {
  const look = looks.get(key);
  const object = objects.get(key);
  if (!look || !object || look.status === 0) return null;
  return object.etag === null ? look.status === 404 : look.status === 200 && look.etag === object.etag;
}

/** The step of an object: that of its purge, and `fresh` after it. */
export function stepOf(key) {
  const step = objects.get(key)?.step ?? "";
  return step === "completed" && isSame(key) ? "fresh" : step;
}

function isDue(key, now) {
  const look = looks.get(key);
  const object = objects.get(key);
  if (!object) return false;
  if (!look || look.at < object.at) return true;
  const settled = isSame(key) && !["changed", "pending", "planned", "accepted"].includes(object.step);
  const completed = purges.get(object.purge)?.completed;
  if (completed && look.at < completed) return true;
  return !settled || now - look.at > SETTLED_SECONDS;
}

/** Tells whether the console is connected: without it, nobody looks. */
export function rouseLooks(connected) {
  live = connected;
  pause = pausedUntil = 0;
}

/** Looks at the keys of `shown()` again and again; calls `changed(keys)` after each look. */
export function startLooks(shown, changed) {
  const round = async () => {
    if (busy || document.hidden || !live || performance.now() < pausedUntil) return;
    const now = Date.now() / 1000;
    const keys = shown().filter((key) => isDue(key, now)).slice(0, MOST);
    if (keys.length === 0) return;
    busy = true;
    try {
      const found = await send("look", { keys });
      for (const [key, look] of Object.entries(found)) looks.set(key, look);
      pause = 0;
      changed(keys);
    } catch {
      // The banner says that the console does not answer.
      pause = Math.min(Math.max(2 * pause, EACH_MS), LONGEST_PAUSE_MS);
      pausedUntil = performance.now() + pause;
    } finally {
      busy = false;
    }
  };
  setInterval(round, EACH_MS);
  return round;
}
