// The quota, where the changes are, and the switches of the weather.

import { send } from "./api.js";
import { byId, el, failure, rest, rests, say, setAttribute, setText, svg } from "./dom.js";
import { on, purges, values } from "./store.js";
import { count, moment } from "./words.js";

const RADIUS = 80;
const LENGTH = Math.PI * RADIUS;
const ARC = `M 20 100 A ${RADIUS} ${RADIUS} 0 0 1 180 100`;

const arc = (name) => svg("path", { d: ARC, class: name, pathLength: LENGTH });

const gauge = {
  track: arc("track"),
  reserve: arc("reserve"),
  used: arc("used"),
  month: svg("line", { class: "month-mark", x1: 100, y1: 8, x2: 100, y2: 32 }),
  number: svg("text", { x: 100, y: 88, class: "number" }),
  of: svg("text", { x: 100, y: 108, class: "of" }),
};

function showGauge() {
  const found = values.get("gauge");
  if (!found) return;
  setAttribute(gauge.used, "stroke-dasharray", `${found.used_part * LENGTH} ${LENGTH}`);
  setAttribute(gauge.reserve, "stroke-dasharray", `${found.reserve_part * LENGTH} ${LENGTH}`);
  setAttribute(gauge.reserve, "stroke-dashoffset", -(1 - found.reserve_part) * LENGTH);
  setAttribute(gauge.month, "transform", `rotate(${(found.month_part - 0.5) * 180} 100 100)`);
  setText(gauge.number, found.used.toLocaleString("en"));
  setText(gauge.of, `of ${found.monthly.toLocaleString("en")} purges`);
  const percent = Math.floor(found.month_part * 100);
  setAttribute(byId("gauge"), "aria-label",
    `${count(found.used, "purge")} used of ${found.monthly}; ${percent} % of the month is over`);
  const price = values.get("price");
  const imagekit = values.get("imagekit");
  const facts = [
    ["Month", `${found.month}, ${percent} % of it is over`],
    ["Left for changes", found.refused ? "none: ImageKit says that its quota is used up"
      : found.used_up ? `none, and a reserve of ${found.reserve} for purges by hand`
        : `${found.left.toLocaleString("en")} and a reserve of ${found.reserve}`],
    ["Price now", price === undefined ? "nothing was planned yet" : price === 0 ? "0: nothing is evicted needlessly" : `${price.toFixed(2)} evictions a purge`],
    ["At this pace", found.used_up ? "it is at its end: changes wait" : found.ends_at ? `it ends on ${moment(found.ends_at)}` : "it lasts to the end of the month"],
  ];
  if (imagekit && (imagekit.used !== found.used || imagekit.quota !== found.monthly)) {
    facts.push(["ImageKit counts", `${imagekit.used.toLocaleString("en")} of ${imagekit.quota.toLocaleString("en")}`]);
  }
  byId("quota-facts").replaceChildren(
    ...facts.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text))));
}

function showHeld() {
  const status = values.get("status");
  if (!status) return;
  const box = byId("held");
  if (status.problem) {
    box.replaceChildren(el("p", { class: "warn" }, status.problem));
    return;
  }
  const pending = status.answer.pending.changes;
  const reasons = [...status.answer.held];
  if (pending && values.get("throttled")) {
    // The drain waits for it within its own time, so the status does not name it.
    reasons.push({ reason: "throttled", detail: "ImageKit answers 429: too many purges a second. The drain waits as long as ImageKit asks, and repeats." });
  }
  if (reasons.length === 0) {
    box.replaceChildren(el("p", { class: "dim" },
      pending ? `${count(pending, "change")} pending; the next drain takes them.` : "Nothing is held."));
    return;
  }
  box.replaceChildren(
    el("h3", {}, `Held: ${count(status.answer.pending.objects, "object")}`),
    el("ul", {}, ...reasons.map((each) => el("li", {}, el("strong", {}, each.reason), ` ${each.detail}`,
      each.until ? ` Until ${moment(each.until)} at the latest.` : ""))));
}

const stations = {};

function makeStations() {
  const names = { queue: "in the queue", ledger: "pending in the ledger", flight: "purges in flight", done: "purges Completed", dead: "dead letters" };
  for (const [name, title] of Object.entries(names)) {
    stations[name] = el("strong", {}, "0");
    byId("stations").append(el("li", { "data-station": name }, stations[name], el("span", {}, title)));
  }
}

function showStations() {
  const found = values.get("whereabouts");
  if (!found) return;
  let flight = 0;
  let done = 0;
  for (const purge of purges.values()) {
    if (purge.state === "accepted") flight += 1;
    else if (purge.state !== "planned") done += 1;
  }
  const numbers = { ...found, flight, done };
  for (const [name, node] of Object.entries(stations)) {
    setText(node, numbers[name].toLocaleString("en"));
    setAttribute(node.parentNode, "data-busy", numbers[name] > 0 && name !== "done");
  }
  const waiting = found.queue + found.ledger;
  setText(byId("lost"), found.dead
    ? `Nothing is lost: ${count(found.dead, "message")} can be sent back from the dead letters.`
    : waiting ? `Nothing is lost: ${count(waiting, "change waits", "changes wait")} for a purge.` : "Nothing waits. Every change was taken care of.");
}

function makeSwitches() {
  byId("switches").replaceChildren(...values.get("switches").map((each) => {
    const button = el("button", {
      type: "button", role: "switch", "aria-checked": "false", "data-switch": each.name,
      "aria-describedby": `effect-${each.name}`, onclick: () => turn(button, each),
    }, el("span", { class: "knob" }), el("span", {}, each.title));
    return el("li", {}, button, el("p", { class: "dim", id: `effect-${each.name}` }, each.effect));
  }));
  showSwitches();
}

async function turn(button, each) {
  if (rests(button)) return;
  const on = button.getAttribute("aria-checked") !== "true";
  rest(button, true);
  try {
    await send("weather", { name: each.name, on });
    setAttribute(button, "aria-checked", String(on));
    byId("weather-problem").replaceChildren();
    say(`${each.title}: ${on ? "on" : "off"}`);
  } catch (error) {
    byId("weather-problem").replaceChildren(failure(error));
  } finally {
    rest(button, false);
  }
}

function showSwitches() {
  const on = values.get("weather") ?? [];
  for (const button of byId("switches").querySelectorAll("button")) {
    if (!rests(button)) setAttribute(button, "aria-checked", String(on.includes(button.dataset.switch)));
  }
}

export function startOverview() {
  byId("gauge").append(...Object.values(gauge));
  makeStations();
  const parts = {
    gauge: showGauge, price: showGauge, imagekit: showGauge, status: showHeld, throttled: showHeld,
    whereabouts: showStations, switches: makeSwitches, weather: showSwitches,
  };
  on("values", (names) => {
    const due = new Set([...names].map((name) => parts[name]).filter(Boolean));
    for (const show of due) show();
  });
  on("purges", showStations);
}
