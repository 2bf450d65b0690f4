// What would my month cost? Drops files on the simulation, and shows its chart.

import { send, sendForm } from "./api.js";
import { chart } from "./chart.js";
import { byId, el, failure, setAttribute, setText } from "./dom.js";
import { aboutMoney, table } from "./policies.js";
import { on, values } from "./store.js";

const DEBOUNCE_MS = 400;

let timer = 0;
let dropped = false;
let shown = false;

const quota = () => Number(byId("month-quota").value);

const versioned = () => byId("month-versioned").checked;

function problem(error) {
  byId("month-result").replaceChildren(failure(error));
}

async function drop(files, folders = []) {
  if (folders.length > 0) {
    problem(new Error(`${folders[0]} is a folder: drop the files in it.`));
    return;
  }
  if (files.length === 0) return;
  const form = new FormData();
  form.append("quota", String(quota()));
  form.append("versioned", String(versioned()));
  for (const file of files) form.append("files", file);
  setText(byId("month-progress"), "Sending …");
  try {
    await sendForm("month", form);
    dropped = true;
  } catch (error) {
    setText(byId("month-progress"), "");
    problem(error);
  }
}

function showQuota() {
  setText(byId("month-quota-shown"), quota().toLocaleString("en"));
  setAttribute(byId("month-quota"), "aria-valuetext", `${quota()} purges a month`);
}

function again() {
  clearTimeout(timer);
  if (!dropped) return;
  timer = setTimeout(async () => {
    timer = 0;
    try {
      await send("simulate", { quota: quota(), versioned: versioned() });
    } catch (error) {
      problem(error);
    }
  }, DEBOUNCE_MS);
}

function show() {
  const month = values.get("month");
  if (!month) return;
  if (!shown) {
    // A page that was loaded anew takes over what the console simulates.
    byId("month-quota").value = month.quota;
    byId("month-versioned").checked = month.versioned;
    showQuota();
  }
  shown = true;
  dropped = dropped || month.rows.length > 0 || month.progress !== "";
  setText(byId("month-progress"), month.progress);
  if (month.problem) {
    problem(new Error(month.problem));
    return;
  }
  if (month.rows.length === 0) {
    // The last chart stays until the next one comes, but no old error does.
    byId("month-result").querySelector("[role=alert]")?.remove();
    return;
  }
  const bucket = month.versioned ? "a bucket with versions" : "a bucket without versions";
  byId("month-result").replaceChildren(
    el("p", { class: "dim" }, `${month.rows[0].trace}, ${bucket}, ${month.quota.toLocaleString("en")} purges a month. Low and left is good. ${month.note}`),
    chart(month.rows),
    table(month.rows, month.cost),
    ...(month.cost ? [el("p", { class: "dim" }, aboutMoney(month.cost))] : []));
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
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    drop([...event.dataTransfer.files], entries.filter((entry) => entry?.isDirectory).map((entry) => entry.name));
  });
  byId("history").addEventListener("change", (event) => {
    drop([...event.target.files]);
    event.target.value = "";
  });
  byId("month-quota").addEventListener("input", () => {
    showQuota();
    again();
  });
  byId("month-versioned").addEventListener("change", again);
  // A browser may fill in what stood here before the page was loaded anew.
  showQuota();
  on("values", (names) => {
    if (names.has("month")) show();
  });
}
