// Uploads and replays.

import { send, sendForm } from "./api.js";
import { complain, report } from "./cards.js";
import { byId, el, rest, rests } from "./dom.js";
import { on, values } from "./store.js";
import { count } from "./words.js";

async function submitted(form, action) {
  const button = form.querySelector("button");
  if (rests(button)) return;
  rest(button, true);
  try {
    report(await action());
  } catch (error) {
    complain(error);
  } finally {
    rest(button, false);
  }
}

function outcome(name, answer) {
  if ("batchItemFailures" in answer) {
    const failed = answer.batchItemFailures.length;
    return `${name}: delivered as a batch; ${failed ? `${count(failed, "message")} not understood` : "all messages understood"}.`;
  }
  if (answer.why) return `${name}: ${answer.why}`;
  if (answer.quota) return `${name}: ${count(answer.quota.used, "purge")} used of ${answer.quota.monthly}; ${count(answer.pending.changes, "change")} pending.`;
  const urls = answer.purges.map((purge) => purge.url).join(", ");
  const repeated = answer.repetition ? ` ${answer.repetition.help}` : "";
  return `${name}: ${count(answer.purges.length, "purge")} accepted${urls ? ` (${urls})` : ""}, ${answer.held} held. ${answer.detail}${repeated}`;
}

export function startDoings() {
  const upload = byId("upload");
  upload.addEventListener("submit", (event) => {
    event.preventDefault();
    submitted(upload, async () => {
      const { keys } = await sendForm("upload", new FormData(upload));
      return keys.length > 3 ? `Uploaded ${count(keys.length, "object")}, the first is ${keys[0]}.` : `Uploaded ${keys.join(", ")}.`;
    });
  });
  const replay = byId("replay");
  replay.addEventListener("submit", (event) => {
    event.preventDefault();
    submitted(replay, async () => {
      const fields = new FormData(replay);
      const file = fields.get("file");
      if (file && file.name) {
        const form = new FormData();
        form.append("file", file);
        return outcome(file.name, (await sendForm("replay", form)).answer);
      }
      return outcome(fields.get("name"), (await send("replay", { name: fields.get("name") })).answer);
    });
  });
  on("values", (names) => {
    if (!names.has("events")) return;
    replay.querySelector("select").replaceChildren(
      ...values.get("events").map((name) => el("option", { value: name }, name)));
  });
}
