/** What lies over the picture: crowds of points, the names of parents and baselines, rings about what is marked.
 *  It follows the axes and costs no drawing of theirs. */

import { paint } from "./crowd.js";
import { el, look, svg } from "./dom.js";
import { placed } from "./labels.js";
import { MARKS, ringShape } from "./marks.js";

/** @typedef {{crowds: import("./crowd.js").Crowd[], names: {text: string, x: number, y: number}[], others: [number, number][], rings: {kind: string, name: string, x: number, y: number}[]}} Over */
/** @type {Over} */
const NOTHING = { crowds: [], names: [], others: [], rings: [] };
let over = NOTHING;
/** @type {?CanvasRenderingContext2D} */
let ruler = null;

function wide(text) {
  ruler ??= el("canvas").getContext("2d");
  ruler.font = "11px system-ui, sans-serif";
  return ruler.measureText(text).width + 2;
}

/** How the picture lies now; null before it is drawn. */
function frame(place) {
  if (!place.frame) return null;
  const { x, y, box } = place.frame;
  return { ...box, x: x.at, y: y.at };
}

function crowds(canvas, place, at) {
  canvas.hidden = !over.crowds.length;
  if (canvas.hidden) return;
  const ratio = devicePixelRatio || 1, width = place.clientWidth, height = place.clientHeight;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.beginPath(); pen.rect(at.l, at.t - 6, at.w + 6, at.h + 6); pen.clip();
  for (const each of over.crowds) paint(pen, each, (value) => at.l + at.x(value), (value) => at.t + at.y(value));
}

function names(at) {
  const marks = over.names.map((each) => [at.x(each.x), at.y(each.y)]), widths = over.names.map((each) => wide(each.text));
  const found = placed(marks, widths, over.others.map(([x, y]) => [at.x(x), at.y(y)]), at.w, at.h);
  return found.flatMap((each, place) => (each ? [each.leader ? svg("line", { class: "leader", x1: each.leader[0], y1: each.leader[1], x2: each.leader[2], y2: each.leader[3] }) : null,
    svg("text", { x: each.box[0], y: each.box[1] + 11 }, over.names[place].text)] : []));
}

function rings(at) {
  return over.rings.map((each) => [each, at.x(each.x), at.y(each.y)]).filter(([, x, y]) => x >= -2 && y >= -2 && x <= at.w + 2 && y <= at.h + 2).map(([each, x, y]) =>
    svg("path", { class: "ring", "data-ring": each.kind, "data-name": each.name, "data-x": each.x, "data-y": each.y, d: ringShape(each.kind), transform: `translate(${x} ${y})`, stroke: look(MARKS[each.kind].colour) }));
}

const part = (name) => document.getElementById(`front-${name}`);

/** Draw it again where the axes are now. @param {{rings?: boolean}} [only] */
export function again(place, only = {}) {
  const at = place.hidden ? null : frame(place), host = part("over");
  host.toggleAttribute("hidden", !at);
  if (!at) { part("crowd").hidden = true; return; }
  const inside = { transform: `translate(${at.l} ${at.t})` };
  if (only.rings && host.children.length === 2) { host.lastChild.replaceWith(svg("g", inside, rings(at))); return; }
  crowds(part("crowd"), place, at);
  host.replaceChildren(svg("g", inside, names(at)), svg("g", inside, rings(at)));
}

/** What is to lie over the picture when it is drawn next. @param {Partial<Over>} what */
export function lay(what) {
  over = { ...NOTHING, ...what };
}

/** Other rings on the same picture. @param {Over["rings"]} rings */
export function ringed(place, rings) {
  over = { ...over, rings };
  again(place, { rings: true });
}

/** The layers themselves, to be put about the picture. */
export function layers(place) {
  return el("div", { class: "stack" }, el("canvas", { id: "front-crowd", "aria-hidden": "true", hidden: true }), place, svg("svg", { id: "front-over", "aria-hidden": "true" }));
}

/** Follow zoom, pan and size. */
export function follow(place) {
  place.on("drawn", () => again(place));
  again(place);
}
