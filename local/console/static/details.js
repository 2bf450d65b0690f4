// The URL forms of an object, each with what the edge shows, and why.

import { ask, sendForm } from "./api.js";
import { byId, el, failure, setText } from "./dom.js";
import { objects } from "./store.js";
import { seconds } from "./words.js";

let shown = "";

function row(form, object) {
  const same = object?.etag == null ? form.status === 404 : form.etag === object.etag;
  return el("tr", {},
    el("td", { class: "url" }, form.url),
    el("td", {}, el("span", { class: "badge", "data-state": same ? "same" : "stale" }, same ? "same" : "stale")),
    el("td", {}, String(form.status || "none")),
    el("td", {}, seconds(form.age)),
    el("td", {}, form.hit ? "hit" : "miss"));
}

function replacement(key) {
  const file = el("input", { type: "file", name: "files" });
  const result = el("div", { role: "status" });
  const form = el("form", {
    class: "row",
    onsubmit: async (event) => {
      event.preventDefault();
      const sent = new FormData(form);
      sent.append("key", key);
      try {
        await sendForm("upload", sent);
        setText(result, "Put. Look again to see what the edge shows.");
      } catch (error) {
        result.replaceChildren(failure(error));
      }
    },
  }, el("label", {}, "Replace by a file ", file), el("button", {}, "Put"), result);
  return form;
}

async function fill() {
  const key = shown;
  const body = byId("details-body");
  try {
    const { forms, why } = await ask(`/api/object?key=${encodeURIComponent(key)}`);
    if (key !== shown) return;
    body.replaceChildren(
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "URL forms" },
        el("table", {},
          el("thead", {}, el("tr", {},
            ...["URL", "Edge", "Status", "Age", "Cache"].map((name) => el("th", { scope: "col" }, name)))),
          el("tbody", {}, ...forms.map((form) => row(form, objects.get(key)))))),
      el("p", {}, el("button", { type: "button", onclick: fill }, "Look again")),
      el("h3", {}, "Why"),
      el("p", { class: "why" }, why),
      replacement(key));
  } catch (error) {
    body.replaceChildren(failure(error), el("p", {}, el("button", { type: "button", onclick: fill }, "Look again")));
  }
}

/** Opens the dialog of an object. */
export function showDetails(key) {
  shown = key;
  setText(byId("details-title"), key);
  byId("details-body").replaceChildren(el("p", { class: "dim" }, "Looking …"));
  byId("details").showModal();
  fill();
}

byId("close-details").addEventListener("click", () => byId("details").close());
