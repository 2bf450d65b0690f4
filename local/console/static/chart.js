// Needless evictions against purges: a dot for each policy, as benchmarks.simulate draws it.

import { svg } from "./dom.js";

const WIDTH = 640;
const HEIGHT = 340;
const LEFT = 64;
const RIGHT = 24;
const TOP = 16;
const BOTTOM = 46;

/** The height of a line, and the width of a letter, as console.css sets them. */
const letters = () => (matchMedia("(max-width: 47.5em)").matches ? { line: 22, letter: 11.2 } : { line: 15, letter: 7.2 });

const short = (number) => {
  if (number >= 1e6) return `${number / 1e6}M`;
  return number >= 1e3 ? `${number / 1e3}k` : String(number);
};

/** Where a value lies on an axis from 0 to 1: logarithmic, with room for 0. */
const scale = (value, most) => Math.log10(1 + value) / Math.log10(1 + most);

function ticks(most) {
  const found = [0];
  for (let value = 1; value <= most; value *= 10) found.push(value);
  return found.length > 7 ? found.filter((_, index) => index % 2 === 0) : found;
}

function groups(rows, x, y) {
  const found = [];
  for (const row of rows) {
    const at = { x: x(row.purges), y: y(row.evictions) };
    const near = found.find((group) => group.rows[0].policy !== "ours" && row.policy !== "ours" &&
      Math.abs(group.x - at.x) + Math.abs(group.y - at.y) < 8);
    if (near) near.rows.push(row);
    else found.push({ ...at, rows: [row] });
  }
  return found;
}

function label({ rows }) {
  const stale = Math.max(...rows.map((row) => row.stale_at_month_end));
  return rows.map((row) => row.policy).join(", ") + (stale ? ` (${stale.toLocaleString("en")} stale)` : "");
}

/** Puts labels where they overlap no other one. */
function placed(all) {
  const taken = [];
  const { line, letter } = letters();
  return all.map((group) => {
    const text = label(group);
    const width = text.length * letter;
    const left = group.x + 12 + width > WIDTH - 4;
    let y = group.y + 4;
    const x = left ? group.x - 12 - width : group.x + 12;
    for (const step of [0, 1, -1, 2, -2, 3, -3, 4, -4]) {
      y = group.y + 4 + step * line;
      const free = taken.every((box) => box.x > x + width || box.x + box.width < x || Math.abs(box.y - y) >= line);
      if (free && y > TOP && y < HEIGHT - BOTTOM) break;
    }
    taken.push({ x, y, width });
    return svg("text", { x: left ? group.x - 12 : x, y, "text-anchor": left ? "end" : "start",
      class: group.rows[0].policy === "ours" ? "ours" : "other" }, text);
  });
}

/** The chart of rows of `benchmarks.simulate --json`. */
export function chart(rows) {
  const mostX = Math.max(10, ...rows.map((row) => row.purges)) * 1.5;
  const mostY = Math.max(10, ...rows.map((row) => row.evictions)) * 1.5;
  const x = (value) => LEFT + scale(value, mostX) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - scale(value, mostY) * (HEIGHT - TOP - BOTTOM);
  const all = groups(rows, x, y);
  const title = rows.map((row) => `${row.policy}: ${row.purges} purges, ${row.evictions} needless evictions`).join("; ");
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": title },
    ...ticks(mostY).flatMap((value) => [
      svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end", class: "tick" }, short(value))]),
    ...ticks(mostX).map((value) =>
      svg("text", { x: x(value), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle", class: "tick" }, short(value))),
    svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, "text-anchor": "middle", class: "axis" }, "purges"),
    svg("text", { x: 14, y: HEIGHT / 2, "text-anchor": "middle", class: "axis", transform: `rotate(-90 14 ${HEIGHT / 2})` },
      "objects evicted needlessly"),
    ...all.map((group) => svg("circle", { cx: group.x, cy: group.y, r: group.rows[0].policy === "ours" ? 8 : 6,
      class: group.rows[0].policy === "ours" ? "ours" : "other" })),
    ...placed(all));
}
