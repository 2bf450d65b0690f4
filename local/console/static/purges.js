// The purges from planned to fresh, the latest first.

import { byId, el, setAttribute, setText } from "./dom.js";
import { choose, onSelection, selection } from "./selection.js";
import { on, purges } from "./store.js";
import { count, seconds } from "./words.js";

const AT_ONCE = matchMedia("(max-width: 47.5em)").matches ? 4 : 8;
const STATES = ["planned", "accepted", "completed", "fresh"];
const NAMES = { planned: "planned", accepted: "accepted", completed: "Completed", fresh: "fresh" };

const rows = new Map();
let shownCount = AT_ONCE;
let scheduled = false;

const timeOf = (purge) => purge.accepted ?? Number.MAX_SAFE_INTEGER;

class Row {
  constructor(id) {
    this.id = id;
    const purge = purges.get(id);
    this.steps = STATES.map((state) => el("li", {}, NAMES[state]));
    this.facts = el("p", { class: "dim" });
    this.button = el("button", { type: "button", class: "purge", "aria-pressed": "false",
      onclick: () => choose(id) }, purge.shown || "/");
    this.node = el("li", { "data-purge": id }, this.button,
      el("ol", { class: "steps", "aria-label": "State" }, ...this.steps), this.facts);
    this.update();
  }

  update() {
    const purge = purges.get(this.id);
    if (!purge) return;
    const at = STATES.indexOf(purge.state);
    setAttribute(this.node, "data-state", purge.state);
    this.steps.forEach((node, index) => {
      setAttribute(node, "class", index < at ? "past" : index === at ? "now" : null);
      setAttribute(node, "aria-current", index === at ? "step" : null);
    });
    // Where no object of the bucket shows whether it is fresh, Completed is the end.
    this.steps.at(-1).hidden = !purge.seen;
    const took = purge.completed && purge.accepted ? ` · Completed after ${seconds(purge.completed - purge.accepted)}` : "";
    const covers = purge.seen || purge.evicts
      ? `${count(purge.changed, "changed object")} · evicts ${purge.evicts ? count(purge.evicts, "other") : "no other"}`
      : "no object of the bucket";
    setText(this.facts, `${covers}${took}`);
  }
}

function layOut() {
  scheduled = false;
  const ids = [...purges.keys()].sort((one, other) => timeOf(purges.get(other)) - timeOf(purges.get(one)));
  const wanted = ids.slice(0, shownCount);
  const kept = new Set(wanted);
  let focused = -1;
  for (const [id, row] of rows) {
    if (kept.has(id)) continue;
    // A planned purge becomes an accepted one, which has another id.
    if (row.node.contains(document.activeElement)) focused = [...byId("purge-list").children].indexOf(row.node);
    row.node.remove();
    rows.delete(id);
  }
  const list = byId("purge-list");
  wanted.forEach((id, index) => {
    let row = rows.get(id);
    if (!row) rows.set(id, row = new Row(id));
    if (list.children[index] !== row.node) list.insertBefore(row.node, list.children[index] ?? null);
  });
  if (focused >= 0) list.children[Math.min(focused, list.children.length - 1)]?.querySelector("button").focus();
  showChosen();
  const more = ids.length - wanted.length;
  byId("more-purges").hidden = more <= 0;
  setText(byId("more-purges"), `Show ${Math.min(more, AT_ONCE)} more of ${more.toLocaleString("en")}`);
  byId("no-purges").hidden = ids.length > 0;
  setText(byId("purges-count"), ids.length.toLocaleString("en"));
}

function showChosen() {
  const chosen = selection()?.id;
  for (const [id, row] of rows) setAttribute(row.button, "aria-pressed", String(id === chosen));
}

export function startPurges() {
  byId("more-purges").addEventListener("click", () => {
    const first = byId("purge-list").children.length;
    shownCount += AT_ONCE;
    layOut();
    byId("purge-list").children[first]?.querySelector("button")?.focus();
  });
  on("purges", (changed, everything) => {
    let order = everything;
    for (const id of changed) {
      if (rows.has(id) && purges.has(id)) rows.get(id).update();
      else order = true;
    }
    if (order && !scheduled) {
      scheduled = true;
      queueMicrotask(layOut);
    }
  });
  onSelection(showChosen);
}
