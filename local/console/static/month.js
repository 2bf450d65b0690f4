// What would my month cost? Drops files on the simulation, and shows its chart.

import { send, sendForm } from "./api.js";
import { chart } from "./chart.js";
import { byId, el, setAttribute, setText } from "./dom.js";
import { on, values } from "./store.js";

const DEBOUNCE_MS = 400;

let timer = 0;
let dropped = false;

const quota = () => Number(byId("month-quota").value);

function problem(text) {
  byId("month-result").replaceChildren(el("p", { class: "warn", role: "alert" }, text));
}

async function drop(files) {
  if (files.length === 0) return;
  const form = new FormData();
  form.append("quota", String(quota()));
  for (const file of files) form.append("files", file);
  setText(byId("month-progress"), "Sending …");
  try {
    await sendForm("month", form);
    dropped = true;
  } catch (error) {
    setText(byId("month-progress"), "");
    problem(error.message);
  }
}

function slide() {
  setText(byId("month-quota-shown"), quota().toLocaleString("en"));
  setAttribute(byId("month-quota"), "aria-valuetext", `${quota()} purges a month`);
  clearTimeout(timer);
  if (!dropped) return;
  timer = setTimeout(async () => {
    try {
      await send("simulate", { quota: quota() });
    } catch (error) {
      problem(error.message);
    }
  }, DEBOUNCE_MS);
}

function table(rows) {
  const columns = [
    ["Policy", (row) => row.policy],
    ["Purges", (row) => row.purges.toLocaleString("en")],
    ["In the worst month", (row) => row.purges_in_worst_month.toLocaleString("en")],
    ["Evicted needlessly", (row) => row.evictions.toLocaleString("en")],
    ["Months out of quota", (row) => `${row.months_out_of_quota} of ${row.months}`],
    ["Stale at month's end", (row) => row.stale_at_month_end.toLocaleString("en")],
  ];
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Policies" },
    el("table", {},
      el("thead", {}, el("tr", {}, ...columns.map(([name]) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...rows.map((row) => el("tr", { "data-ours": row.policy === "ours" },
        ...columns.map(([, value]) => el("td", {}, value(row))))))));
}

function show() {
  const month = values.get("month");
  if (!month) return;
  dropped = dropped || month.rows.length > 0;
  setText(byId("month-progress"), month.progress);
  if (month.problem) {
    problem(month.problem);
    return;
  }
  if (month.rows.length === 0) {
    // The last chart stays until the next one comes.
    return;
  }
  byId("month-result").replaceChildren(
    el("p", { class: "dim" }, `${month.rows[0].trace}, ${month.quota.toLocaleString("en")} purges a month. Low and left is good. ${month.note}`),
    chart(month.rows),
    table(month.rows));
}

export function startMonth() {
  const zone = byId("drop");
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.dataset.over = "";
  });
  zone.addEventListener("dragleave", () => delete zone.dataset.over);
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    drop([...event.dataTransfer.files]);
  });
  byId("history").addEventListener("change", (event) => {
    drop([...event.target.files]);
    event.target.value = "";
  });
  byId("month-quota").addEventListener("input", slide);
  on("values", (names) => {
    if (names.has("month")) show();
  });
}
