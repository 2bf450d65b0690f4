// The form of ImageKit's dashboard: URLs to purge, and their status on refresh.

import { send } from "./api.js";
import { byId, el, failure, rest, rests, setText } from "./dom.js";
import { purges } from "./store.js";
import { count } from "./words.js";

const requests = [];

function refusedLine(line) {
  const replace = () => {
    const lines = byId("urls").value.split("\n");
    lines[line.number - 1] = line.instead;
    byId("urls").value = lines.join("\n");
    byId("urls").focus();
  };
  return el("li", {},
    el("p", {}, el("strong", {}, `Line ${line.number}: `), line.problem),
    line.instead && el("p", { class: "row" }, "Write instead: ", el("code", {}, line.instead),
      el("button", { type: "button", onclick: replace, "aria-label": `Use ${line.instead} in line ${line.number}` }, "Use it")));
}

function showRequests() {
  byId("refresh").hidden = requests.length === 0;
  if (requests.length === 0) return;
  const rows = requests.map(({ url, id }) => {
    const state = purges.get(id)?.state;
    const status = !state || state === "accepted" ? "Pending" : "Completed";
    return el("tr", {}, el("td", { class: "url" }, url), el("td", {}, el("code", {}, id)),
      el("td", {}, el("span", { class: "badge", "data-state": status === "Completed" ? "same" : "unknown" }, status)));
  });
  byId("requests").replaceChildren(
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Requests" },
      el("table", {},
        el("thead", {}, el("tr", {}, ...["URL", "Request", "Status"].map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, ...rows))));
}

function outcome(lines, answer) {
  const refused = lines.filter((line) => line.problem);
  if (lines.length === 0) return [el("p", { class: "warn" }, "Write a URL first.")];
  if (refused.length > 0) {
    return [
      el("p", { class: "warn" }, `Nothing was sent: ${count(refused.length, "line")} of ${lines.length} refused.`),
      el("ul", { class: "refused" }, ...refused.map(refusedLine)),
    ];
  }
  requests.unshift(...answer.purges.map((purge) => ({ url: purge.url, id: purge.request_id })));
  byId("urls").value = "";
  return [
    el("p", { class: "note" }, `${count(answer.purges.length, "purge")} accepted. ${answer.detail}`),
    answer.given_up.length > 0 && el("ul", { class: "refused" },
      ...answer.given_up.map((each) => el("li", {}, `${each.url}: ${each.reason}`))),
  ].filter(Boolean);
}

export function startForm() {
  const form = byId("purge-form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (rests(button)) return;
    rest(button, true);
    setText(byId("form-result"), "ImageKit is asked …");
    try {
      const { lines, answer } = await send("form", { urls: byId("urls").value });
      byId("form-result").replaceChildren(...outcome(lines, answer));
      showRequests();
    } catch (error) {
      byId("form-result").replaceChildren(failure(error));
    } finally {
      rest(button, false);
    }
  });
  byId("refresh").addEventListener("click", showRequests);
}
