// The entry: wires the parts of the page to the console.

import { byId, setText } from "./dom.js";
import { follow, on, values } from "./store.js";
import { startCards } from "./cards.js";
import { startDoings } from "./doings.js";
import { startForm } from "./form.js";
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
  const troubles = ["trouble poll", "trouble ask"].map((name) => values.get(name)).filter(Boolean);
  byId("trouble").hidden = troubles.length === 0;
  setText(byId("trouble"), troubles[0] ?? "");
});

follow((linked) => {
  setText(byId("link"), linked ? "live" : "not connected");
  byId("link").dataset.state = linked ? "good" : "bad";
});
