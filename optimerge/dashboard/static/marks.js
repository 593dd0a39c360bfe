/** How each kind of trial looks: a shape and a colour each, so that no colour is needed to tell them. */

import { el, look, svg } from "./dom.js";

/** @type {Object<string, {text: string, symbol: string, colour: string, size: number, opacity: number}>} */
export const MARKS = {
  front: { text: "on the front", symbol: "circle", colour: "blue", size: 10, opacity: 1 },
  dominated: { text: "dominated", symbol: "circle", colour: "soft", size: 6, opacity: 0.72 },
  infeasible: { text: "breaks a constraint", symbol: "square-open", colour: "purple", size: 8, opacity: 0.75 },
  pruned: { text: "raced out", symbol: "triangle-down-open", colour: "orange", size: 8, opacity: 0.75 },
  failed: { text: "failed", symbol: "x-thin-open", colour: "red", size: 8, opacity: 0.9 },
  running: { text: "running", symbol: "circle-open-dot", colour: "green", size: 8, opacity: 0.9 },
  waiting: { text: "waiting", symbol: "circle-open", colour: "soft", size: 8, opacity: 0.7 },
  baseline: { text: "parent or baseline", symbol: "diamond", colour: "ink", size: 10, opacity: 1 },
  selected: { text: "selected", symbol: "circle-open", colour: "red", size: 20, opacity: 1 },
  pin: { text: "pinned", symbol: "square-open", colour: "green", size: 20, opacity: 1 },
  chosen: { text: "chosen", symbol: "star-open", colour: "orange", size: 22, opacity: 1 },
};

const SHAPES = {
  circle: { r: 5 }, "circle-open": { r: 5, open: true }, "circle-open-dot": { r: 5, open: true },
  "square-open": { d: "M3 3h10v10H3z", open: true }, "triangle-down-open": { d: "M2 4h12L8 14z", open: true },
  "x-thin-open": { d: "M3 3l10 10M13 3L3 13", open: true }, diamond: { d: "M8 2l6 6-6 6-6-6z" },
  "star-open": { d: "M8 1l2 5h5l-4 3 2 6-5-4-5 4 2-6-4-3h5z", open: true },
};

/** The mark as a little picture. @param {string} kind */
export function glyph(kind) {
  const mark = MARKS[kind], shape = SHAPES[mark.symbol], colour = look(mark.colour);
  const paint = { fill: shape.open ? "none" : colour, stroke: colour, "stroke-width": 1.8, "fill-opacity": mark.opacity };
  const drawn = shape.d ? svg("path", { d: shape.d, ...paint }) : svg("circle", { cx: 8, cy: 8, r: shape.r, ...paint });
  return svg("svg", { class: "glyph", viewBox: "0 0 16 16", "aria-hidden": "true" }, drawn);
}

/** The outline of a ring, about 0, 0. @param {"selected"|"pin"|"chosen"} kind */
export function ringShape(kind) {
  if (kind === "selected") return "M-11 0a11 11 0 1 0 22 0a11 11 0 1 0 -22 0";
  if (kind === "pin") return "M-10 -10H10V10H-10z";
  const at = Array.from({ length: 10 }, (_, place) => { const long = place % 2 ? 6.5 : 14.5, turn = (place * Math.PI) / 5; return `${(long * Math.sin(turn)).toFixed(1)} ${(-long * Math.cos(turn)).toFixed(1)}`; });
  return `M${at.join("L")}z`;
}

/** @param {[string, number][]} kinds with how many there are */
export function legend(kinds) {
  return el("ul", { class: "legend" }, kinds.map(([kind, count]) =>
    el("li", {}, glyph(kind), `${MARKS[kind].text}${count ? ` ${count}` : ""}`)));
}
