// What the console told: objects and purges by id, and single values. Views listen to what changed.

export const objects = new Map();
export const purges = new Map();
export const values = new Map();

const TABLES = { objects, purges };
const listeners = { objects: [], purges: [], values: [] };

/** Calls back with (the set of changed ids or names, whether that is everything) after each update. */
export const on = (name, listener) => listeners[name].push(listener);

function apply(update, everything) {
  for (const [name, table] of Object.entries(TABLES)) {
    const rows = update[name];
    if (!rows) continue;
    const changed = new Set(Object.keys(rows));
    for (const [id, row] of Object.entries(rows)) {
      if (row === null) table.delete(id);
      else table.set(id, row);
    }
    for (const listener of listeners[name]) listener(changed, everything);
  }
  if (update.values) {
    for (const [name, value] of Object.entries(update.values)) values.set(name, value);
    for (const listener of listeners.values) listener(new Set(Object.keys(update.values)));
  }
}

/** Follows the console. `linked` is called with true or false when the connection begins or breaks. */
export function follow(linked) {
  let first = true;
  const source = new EventSource("/events");
  source.onopen = () => {
    // After a break everything comes anew.
    first = true;
    linked(true);
  };
  source.onerror = () => linked(false);
  source.onmessage = (event) => {
    const began = performance.now();
    const update = JSON.parse(event.data);
    // Another run of the console knows nothing of what this page shows: begin anew.
    const run = update.values?.run ?? values.get("run");
    if (values.has("run") && values.get("run") !== run) {
      source.close();
      location.reload();
      return;
    }
    if (first) {
      for (const table of Object.values(TABLES)) table.clear();
    }
    apply(update, first);
    measure(first ? "console first" : "console update", began);
    first = false;
  };
}

// The time until the browser has painted an update; `python -m benchmarks.console` reads it.
function measure(name, began) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      performance.measure(name, { start: began, end: performance.now() });
      if (performance.getEntriesByName("console update").length > 2000) performance.clearMeasures();
    };
    channel.port2.postMessage(null);
  });
}
