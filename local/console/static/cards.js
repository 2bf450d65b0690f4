// The objects as pictures: what the edge shows beside what the origin holds.

import { send } from "./api.js";
import { showDetails } from "./details.js";
import { byId, el, failure, rest, rests, say, setAttribute, setText } from "./dom.js";
import { isSame, lookOf, startLooks, stepOf } from "./looks.js";
import { objects, on } from "./store.js";
import { seconds } from "./words.js";

const AT_ONCE = matchMedia("(max-width: 47.5em)").matches ? 8 : 24;
const NOTHING = "/static/none.svg";
const NO_PICTURE = "/static/file.svg";
const STEPS = ["changed", "pending", "accepted", "completed", "fresh"];
const NAMES = {
  changed: "changed", pending: "pending", accepted: "accepted", completed: "Completed", fresh: "fresh",
};

const cards = new Map();
const visible = new Set();
let sorted = [];
let shownCount = AT_ONCE;
let filter = "";
let onlyChanged = false;
let scheduled = false;
let sortingNeeded = true;
let look = () => {};

const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) visible.add(entry.target.dataset.key);
    else visible.delete(entry.target.dataset.key);
  }
}, { rootMargin: "100px" });

const picture = (side, key, etag) =>
  `/picture/${side}?key=${encodeURIComponent(key)}&etag=${encodeURIComponent(etag ?? "")}`;

class Card {
  constructor(key) {
    this.key = key;
    this.parts = {
      edge: el("img", { alt: "", loading: "lazy", decoding: "async" }),
      origin: el("img", { alt: "", loading: "lazy", decoding: "async" }),
      badge: el("span", { class: "badge" }),
      facts: el("span", { class: "dim" }),
      captions: { edge: el("figcaption", {}, "Edge"), origin: el("figcaption", {}, "Origin") },
      steps: STEPS.map((step) => el("li", {}, NAMES[step])),
    };
    const { edge, origin, badge, facts, captions, steps } = this.parts;
    for (const image of [edge, origin]) {
      // What is no picture is not asked for again.
      image.addEventListener("error", () => {
        image.dataset.failed = image.getAttribute("src");
        this.update();
      });
    }
    this.stepList = el("ol", { class: "steps", "aria-label": `Purge of ${key}` }, ...steps);
    const button = (label, action) =>
      el("button", { type: "button", "aria-label": `${label} ${key}`, onclick: action }, label);
    this.buttons = [
      button("Overwrite", (event) => this.change(event, "overwrite", "Overwritten")),
      button("Delete", (event) => this.change(event, "delete", "Deleted")),
    ];
    this.node = el("li", { class: "card", "data-key": key },
      el("h3", { title: key }, key),
      el("div", { class: "pair" },
        el("figure", {}, edge, captions.edge),
        el("figure", {}, origin, captions.origin)),
      el("p", { class: "state" }, badge, facts),
      this.stepList,
      el("div", { class: "row" }, ...this.buttons, button("URLs", () => showDetails(key))));
    this.update();
  }

  async change(event, name, done) {
    if (rests(event.currentTarget)) return;
    this.buttons.forEach((each) => rest(each, true));
    try {
      await send(name, { key: this.key });
      byId("done").querySelector(".warn")?.remove();
      say(`${done}: ${this.key}`);
      look();
    } catch (error) {
      complain(error);
    } finally {
      this.update();
    }
  }

  update() {
    const object = objects.get(this.key);
    if (!object) return;
    const found = lookOf(this.key);
    const same = isSame(this.key);
    const { badge, facts, steps } = this.parts;
    this.show("origin", object.etag);
    this.show("edge", !found || found.status !== 200 ? null : found.etag ?? "");
    const state = same === null ? "unknown" : same ? "same" : "stale";
    const gone = object.etag === null;
    const words = {
      unknown: found ? "no answer" : "not seen yet",
      same: gone ? "gone" : "same",
      stale: "stale",
    };
    setAttribute(badge, "data-state", state);
    setText(badge, words[state]);
    setText(facts, found ? `${gone ? "deleted · " : ""}${factsOf(found)}` : gone ? "deleted" : "");
    const step = stepOf(this.key);
    const at = STEPS.indexOf(step === "planned" ? "pending" : step);
    this.stepList.hidden = step === "";
    steps.forEach((node, index) => {
      setAttribute(node, "class", index < at ? "past" : index === at ? "now" : null);
      setAttribute(node, "aria-current", index === at ? "step" : null);
    });
    setText(steps[1], step === "planned" ? "planned" : "pending");
    rest(this.buttons[0], false);
    rest(this.buttons[1], gone);
    setAttribute(this.node, "data-state", state);
    setAttribute(this.node, "data-step", step || null);
  }

  /** Shows what a side has: a picture, a file that is none with its ETag, or nothing (null). */
  show(side, etag) {
    const image = this.parts[side];
    const source = etag === null ? null : picture(side, this.key, etag);
    const isPicture = source && image.dataset.failed !== source;
    setAttribute(image, "alt", isPicture ? `${this.key} at the ${side}` : source ? "no picture" : "nothing");
    setAttribute(image, "src", isPicture ? source : source ? NO_PICTURE : NOTHING);
    const version = source && !isPicture ? ` · ${etag.replaceAll('"', "").slice(0, 8)}` : "";
    setText(this.parts.captions[side], `${side === "edge" ? "Edge" : "Origin"}${version}`);
  }
}

function factsOf(found) {
  if (found.status === 0) return "the edge does not answer";
  const kind = found.status === 200 ? "" : `${found.status} · `;
  return `${kind}Age ${seconds(found.age + (found.hit ? Date.now() / 1000 - found.at : 0))} · ${found.hit ? "hit" : "miss"}`;
}

// A card that has the focus stays: whoever works on it by keyboard would begin anew at the top of the page.
const isFocused = (key) => cards.get(key)?.node.contains(document.activeElement) ?? false;

const matches = (key) =>
  (!filter || key.toLowerCase().includes(filter)) &&
  (!onlyChanged || isFocused(key) || isSame(key) === false || !["", "completed"].includes(objects.get(key).step));

function layOut() {
  scheduled = false;
  if (sortingNeeded) {
    sorted = [...objects.keys()].sort();
    sortingNeeded = false;
  }
  const matching = filter || onlyChanged ? sorted.filter(matches) : sorted;
  const wanted = matching.slice(0, shownCount);
  const kept = new Set(wanted);
  let focused = -1;
  for (const [key, card] of cards) {
    if (kept.has(key)) continue;
    if (isFocused(key)) focused = [...byId("cards").children].indexOf(card.node);
    sight.unobserve(card.node);
    visible.delete(key);
    card.node.remove();
    cards.delete(key);
  }
  const list = byId("cards");
  wanted.forEach((key, index) => {
    let card = cards.get(key);
    if (!card) {
      card = new Card(key);
      cards.set(key, card);
      sight.observe(card.node);
    }
    if (list.children[index] !== card.node) list.insertBefore(card.node, list.children[index] ?? null);
  });
  if (focused >= 0) (list.children[Math.min(focused, list.children.length - 1)] ?? byId("objects")).querySelector("button")?.focus();
  const more = matching.length - wanted.length;
  byId("more-cards").hidden = more <= 0;
  setText(byId("more-cards"), `Show ${Math.min(more, AT_ONCE)} more of ${more.toLocaleString("en")}`);
  byId("no-cards").hidden = matching.length > 0;
  const all = objects.size.toLocaleString("en");
  setText(byId("objects-count"), filter || onlyChanged ? `${matching.length.toLocaleString("en")} of ${all}` : all);
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(layOut);
}

/** Tells what a doing of the page did. */
export function report(text) {
  byId("done").replaceChildren(el("p", { class: "note" }, text));
}

/** Tells why a doing of the page failed. */
export function complain(error) {
  byId("done").replaceChildren(failure(error));
}

/** Shows the objects whose key contains a text. */
export function filterBy(text) {
  byId("filter").value = text;
  filter = text.toLowerCase();
  shownCount = AT_ONCE;
  schedule();
}

export function startCards() {
  byId("filter").addEventListener("input", (event) => filterBy(event.target.value));
  byId("only-changed").addEventListener("change", (event) => {
    onlyChanged = event.target.checked;
    schedule();
  });
  byId("cards").addEventListener("focusout", () => onlyChanged && setTimeout(schedule));
  byId("more-cards").addEventListener("click", () => {
    const first = byId("cards").children.length;
    shownCount += AT_ONCE;
    layOut();
    byId("cards").children[first]?.querySelector("button")?.focus();
  });
  on("objects", (changed, everything) => {
    sortingNeeded ||= everything;
    for (const key of changed) {
      if (cards.has(key) && objects.has(key)) cards.get(key).update();
      else sortingNeeded = true;
    }
    if (sortingNeeded || onlyChanged) schedule();
  });
  look = startLooks(() => [...visible], (keys) => {
    for (const key of keys) cards.get(key)?.update();
    if (onlyChanged) schedule();
  });
  setInterval(() => {
    for (const key of visible) cards.get(key)?.update();
  }, 1000);
}
