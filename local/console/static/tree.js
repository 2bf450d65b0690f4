// The tree of keys, with what the chosen purge covers.

import { filterBy } from "./cards.js";
import { byId, el, setAttribute, setText } from "./dom.js";
import { onSelection, selection } from "./selection.js";
import { objects, on } from "./store.js";
import { count, encoded } from "./words.js";

const MOST_KEYS = 100;

const open = new Set();
let root = folder("");
let covers = () => false;
let scheduled = false;

function folder(path) {
  return { path, folders: new Map(), keys: [], size: 0 };
}

function grow() {
  root = folder("");
  for (const key of [...objects.keys()].sort()) {
    let at = root;
    at.size += 1;
    const segments = key.split("/");
    const name = segments.pop();
    let path = "";
    for (const segment of segments) {
      path += `${segment}/`;
      if (!at.folders.has(segment)) at.folders.set(segment, folder(path));
      at = at.folders.get(segment);
      at.size += 1;
    }
    at.keys.push({ key, name: name || "(folder marker)" });
  }
}

function coverage(chosen) {
  if (!chosen) return () => false;
  const { path, wildcard } = chosen.purge;
  return (key) => (wildcard ? encoded(key).startsWith(path) : encoded(key) === path.split("?")[0]);
}

function tally(node) {
  node.covered = 0;
  for (const child of node.folders.values()) {
    tally(child);
    node.covered += child.covered;
  }
  node.covered += node.keys.filter(({ key }) => covers(key)).length;
}

function markOf(key, chosen) {
  if (!covers(key)) return null;
  if (chosen.changed.has(key)) return "changed";
  if (chosen.evicted.has(key)) return "evicted";
  return "covered";
}

const WORDS = { changed: "changed", evicted: "evicted needlessly", covered: "covered" };

function leaf({ key, name }, chosen) {
  const mark = markOf(key, chosen);
  return el("li", { class: "leaf", "data-mark": mark, title: key },
    el("span", { class: "name" }, name), mark && el("span", { class: "mark" }, WORDS[mark]));
}

function branch(node, name, chosen) {
  const shown = open.has(node.path);
  const part = chosen && node.covered ? ` · ${node.covered === node.size ? "all covered" : `${node.covered} covered`}` : "";
  const state = !chosen || !node.covered ? null : node.covered === node.size ? "all" : "some";
  const item = el("li", { class: "branch", "data-covered": state },
    el("div", { class: "row" },
      el("button", { type: "button", class: "fold", "aria-expanded": String(shown), "data-folder": node.path,
        onclick: () => { fold(node.path); } },
      el("span", { class: "name" }, `${name}/`), el("span", { class: "count" }, `${count(node.size, "key")}${part}`)),
      el("button", { type: "button", class: "quiet", "data-shows": node.path, "aria-label": `Show the objects of ${node.path}`,
        onclick: () => { filterBy(node.path); byId("objects").scrollIntoView(); } }, "show")));
  if (shown) item.append(list(node, chosen));
  return item;
}

function list(node, chosen) {
  // Covered keys first: a folder may have more keys than are shown.
  const keys = chosen ? [...node.keys].sort((one, other) => covers(other.key) - covers(one.key)) : node.keys;
  const more = keys.length - MOST_KEYS;
  return el("ul", {},
    ...[...node.folders].map(([name, child]) => branch(child, name, chosen)),
    ...keys.slice(0, MOST_KEYS).map((each) => leaf(each, chosen)),
    more > 0 && el("li", { class: "dim" }, `and ${count(more, "more key")}`));
}

function fold(path) {
  if (open.has(path)) open.delete(path);
  else open.add(path);
  draw();
}

function draw() {
  const chosen = selection();
  covers = coverage(chosen);
  tally(root);
  const focused = byId("tree").contains(document.activeElement) ? document.activeElement.dataset : {};
  byId("tree").replaceChildren(list(root, chosen));
  for (const [name, path] of Object.entries({ folder: focused.folder, shows: focused.shows })) {
    if (path !== undefined) byId("tree").querySelector(`[data-${name}="${CSS.escape(path)}"]`)?.focus();
  }
  if (!chosen) {
    setText(byId("tree-legend"), "");
    return;
  }
  const { purge } = chosen;
  const evicts = purge.evicts ? `evicts ${count(purge.evicts, "other object")} needlessly` : "evicts no other object";
  byId("tree-legend").replaceChildren(
    el("code", {}, purge.shown), ` covers ${count(root.covered, "key")}, ${count(purge.changed, "of them changed", "of them changed")}; it ${evicts}.`);
}

function unfoldCovered(node) {
  for (const child of node.folders.values()) {
    if (child.covered > 0 && child.covered < child.size) {
      open.add(child.path);
      unfoldCovered(child);
    } else if (child.covered > 0 && child.size <= MOST_KEYS) {
      open.add(child.path);
    }
  }
}

export function startTree() {
  on("objects", (changed, everything) => {
    // The tree has no more than the names, so only new and gone keys change it.
    if (!everything && objects.size === root.size && [...changed].every((key) => objects.has(key))) return;
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      grow();
      draw();
    }, everything ? 0 : 500);
  });
  onSelection(() => {
    const chosen = selection();
    covers = coverage(chosen);
    tally(root);
    if (chosen) unfoldCovered(root);
    draw();
    setAttribute(byId("tree"), "data-chosen", chosen ? chosen.purge.shown : null);
    // On a phone the tree stands below the list.
    if (chosen && byId("tree-title").getBoundingClientRect().top > innerHeight) byId("tree-title").scrollIntoView();
  });
}
