// The entry: wires the parts of the page to the console.

import { UNANSWERED } from "./api.js";
import { byId, setText } from "./dom.js";
import { follow, on, values } from "./store.js";
import { startCards } from "./cards.js";
import { startDoings } from "./doings.js";
import { startForm } from "./form.js";
import { rouseLooks } from "./looks.js";
import { startMonth } from "./month.js";
import { startOverview } from "./overview.js";
import { startPurges } from "./purges.js";
import { startTree } from "./tree.js";

startOverview();
startCards();
startDoings();
startPurges();
startTree();
startForm();
startMonth();

on("values", (names) => {
  if (names.has("bucket")) setText(byId("bucket"), `s3://${values.get("bucket")}`);
  showTrouble();
});

let linked = true;

function showTrouble() {
  const trouble = linked ? values.get("trouble poll") || values.get("trouble ask") : UNANSWERED;
  byId("trouble").hidden = !trouble;
  setText(byId("trouble"), trouble ?? "");
}

follow((live) => {
  linked = live;
  setText(byId("link"), linked ? "live" : "not connected");
  byId("link").dataset.state = linked ? "good" : "bad";
  if (linked) document.querySelectorAll("[data-unanswered]").forEach((node) => node.remove());
  rouseLooks(linked);
  showTrouble();
});
