// The table of the policies: what each does, what it would have done, and what AWS would take for it.

import { el } from "./dom.js";

const PHRASES = {
  ours: "this system: the fewest needless evictions for the quota that is left",
  "per-event": "a purge for each event",
  "per-key": "a purge for each changed object, repeats within 2 seconds together",
  folder: "a wildcard for the folder of each change",
  s3deploy: "8 paths a deploy at most, made broader until they fit",
  threshold: "every 5 minutes: more than 3 changes in a folder become the folder",
};

const number = (value) => value.toLocaleString("en");
const dollars = (value) => `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

function money(policy, cost) {
  if (!cost) return "…";
  if (policy === "per-event") return dollars(cost.per_event_usd);
  if (policy === "ours" && cost.measured) return `${dollars(cost.measured.usd)} at most`;
  return "not known";
}

/** What the money in the table is. */
export function aboutMoney(cost) {
  const measured = cost.measured
    ? `This system was measured with ${number(cost.measured.changes)} changes a month, so fewer cost no more.`
    : "This system was not measured with so many.";
  return `AWS: ${number(cost.changes)} changes needed a purge in the busiest month. ${measured} One call an event is ` +
    `a sum of list prices; how the other policies run is not known. List prices of ${cost.prices_of}, without free tiers. ` +
    "ImageKit takes no money for a purge: it counts it to the quota, and refuses what is beyond it.";
}

/** The table of rows of `benchmarks.simulate --json`. */
export function table(rows, cost) {
  const columns = [
    ["Purges", (row) => number(row.purges)],
    ["In the worst month", (row) => number(row.purges_in_worst_month)],
    ["Evicted needlessly", (row) => number(row.evictions)],
    ["Months out of quota", (row) => `${row.months_out_of_quota} of ${row.months}`],
    ["Stale at month's end", (row) => number(row.stale_at_month_end)],
    ["AWS, busiest month", (row) => money(row.policy, cost)],
  ];
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Policies" },
    el("table", {},
      el("thead", {}, el("tr", {}, ...["Policy", ...columns.map(([name]) => name)].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...rows.map((row) => el("tr", { "data-ours": row.policy === "ours" },
        el("th", { scope: "row" }, row.policy, el("span", { class: "phrase" }, PHRASES[row.policy] ?? "")),
        ...columns.map(([, value]) => el("td", {}, value(row))))))));
}
