// Requests to the console. Each rejects with an Error whose message is for people.

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
    throw new Error("The console does not answer. Start it again: make console");
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

export const sendForm = (name, form) => fetched(`/api/${name}`, { method: "POST", body: form });
