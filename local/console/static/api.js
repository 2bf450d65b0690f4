// Requests to the console. Each rejects with an Error whose message is for people. Its `unanswered` says that the
// console did not answer at all.

export const UNANSWERED = "The console does not answer. Start it again: make console";

async function answered(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    throw new Error(`The console answered ${response.status}.`);
  }
  if (!response.ok) throw new Error(body.problem ?? `The console answered ${response.status}.`);
  return body;
}

async function fetched(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw Object.assign(new Error(UNANSWERED), { unanswered: true });
  }
  return answered(response);
}

export const ask = (path) => fetched(path, {});

export const send = (name, body) =>
  fetched(`/api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

/** Sends a form with its files. The browser changes some of their names, so they are sent as a text as well. */
export function sendForm(name, form) {
  const files = [...form.values()].filter((value) => value instanceof File && value.name);
  form.append("names", JSON.stringify(files.map((file) => file.name)));
  return fetched(`/api/${name}`, { method: "POST", body: form });
}
