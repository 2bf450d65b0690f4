// Makes elements. Every text becomes a text node, so a key or an event is never HTML.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element. An attribute `onclick` is a listener; children are elements or texts. */
export const el = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

/** An SVG element. */
export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

/** Sets a text only if it changed, so that screen readers and the layout rest. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

/** Lets a button do nothing for now. `disabled` would take the focus away from who works by keyboard. */
export const rest = (button, resting) => setAttribute(button, "aria-disabled", resting ? "true" : null);

export const rests = (button) => button.getAttribute("aria-disabled") === "true";

/** The message of an error. The page removes it when the console answers again, if it did not answer. */
export const failure = (error) =>
  el("p", { class: "warn", role: "alert", "data-unanswered": Boolean(error.unanswered) }, error.message);

/** Tells screen readers. */
export const say = (text) => setText(byId("said"), text);
