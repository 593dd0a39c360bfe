/** A picture with two axes, in SVG: grid, lines, marks, error bars, a key of colours.
 *  It takes the traces that plotly takes, which draws what is solid; only, this is there at once: plotly.js alone
 *  keeps a small machine busy for longer than a person waits. */

import { RAMP } from "./crowd.js";
import { hands } from "./hands.js";
import { look, svg } from "./dom.js";
import { outline } from "./symbols.js";
import { ends, ticks } from "./ticks.js";

const TOP = 28, FOOT = 46, KEY = 74, HIGH_KEY = 46, ROOM = 7;
const DASHES = { dash: "8 4", dot: "2 3", dashdot: "8 3 2 3", longdash: "14 5", longdashdot: "14 4 2 4" };
let count = 0;

/** @type {?CanvasRenderingContext2D} */
let ruler = null;
function wide(text) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = "12px system-ui, sans-serif";
  return ruler.measureText(text).width;
}

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** @typedef {{range: [number, number], length: number, at: (value: number) => number, value: (px: number) => number}} Axis pixels of numbers and back, from the picture's edge */
/** @returns {Axis} */
function axisOf([low, high], length, up) {
  const unit = (high - low || 1) / length;
  return { range: [low, high], length, at: (value) => (up ? high - value : value - low) / unit, value: (px) => (up ? high - px * unit : low + px * unit) };
}

function errors(trace, at, px, py) {
  const ex = trace.error_x?.array?.[at] || 0, ey = trace.error_y?.array?.[at] || 0, x = trace.x[at], y = trace.y[at];
  return (ex ? `M${px(x - ex)} ${py(y)}H${px(x + ex)}` : "") + (ey ? `M${px(x)} ${py(y - ey)}V${py(y + ey)}` : "");
}

function marks(trace, px, py, colours) {
  const { marker = {}, x, y, selectedpoints } = trace, lit = selectedpoints ? new Set(selectedpoints) : null, size = marker.size ?? 8;
  const { d, open } = outline(marker.symbol ?? "circle", size);
  const of = (at) => (Array.isArray(marker.color) ? colours(marker.color[at]) : marker.color);
  const shown = x.map((_, at) => at).filter((at) => known(x[at]) && known(y[at]));
  const opacity = (at) => (lit ? (lit.has(at) ? trace.selected?.marker?.opacity ?? 1 : trace.unselected?.marker?.opacity ?? 0.1) : marker.opacity ?? 1);
  return [svg("path", { class: "errors", d: shown.map((at) => errors(trace, at, px, py)).join(""), stroke: trace.error_y?.color ?? trace.error_x?.color ?? null, fill: "none" }),
    shown.map((at) => svg("path", { class: "point", d, transform: `translate(${px(x[at])} ${py(y[at])})`, fill: open ? "none" : of(at), stroke: open ? of(at) : marker.line?.color ?? "none", "stroke-width": open ? marker.line?.width || 1.6 : marker.line?.width ?? 0, opacity: opacity(at) }))];
}

function line(trace, px, py) {
  let path = "", before = null;
  trace.x.forEach((x, at) => {
    const y = trace.y[at];
    if (!known(x) || !known(y)) { before = null; return; }
    path += before === null ? `M${px(x)} ${py(y)}` : `${trace.line?.shape === "hv" ? `H${px(x)}V${py(y)}` : `L${px(x)} ${py(y)}`}`;
    before = at;
  });
  return svg("path", { class: "js-line", d: path + (trace.fill ? "z" : ""), fill: trace.fill ? trace.fillcolor : "none", stroke: trace.line?.color ?? "none", "stroke-width": trace.line?.width ?? (trace.fill ? 0 : 1.5), "stroke-dasharray": DASHES[trace.line?.dash] ?? null });
}

/** The key of the colours: at the side, or above where there is no room. */
function key({ cmin = 0, cmax = 1, colorbar }, box, flat) {
  const { values, text } = ticks(cmin, cmax, flat ? 4 : 6), long = flat ? box.w : box.h, id = `ramp${++count}`;
  const at = (value) => ((value - cmin) / (cmax - cmin || 1)) * long;
  const ramp = svg("linearGradient", { id, x1: 0, x2: flat ? 1 : 0, y1: flat ? 0 : 1, y2: 0 }, RAMP.filter((_, place) => place % 8 === 0).map((colour, place, all) => svg("stop", { offset: place / (all.length - 1), "stop-color": colour })));
  const title = colorbar.title.text;
  if (flat) return svg("g", { class: "infolayer", transform: `translate(${box.l} ${TOP - 4})` }, ramp, svg("text", { class: "tick", x: box.w / 2, y: -8, "text-anchor": "middle" }, title), svg("rect", { width: box.w, height: 7, fill: `url(#${id})` }),
    values.map((value) => svg("text", { class: "tick", x: at(value), y: 20, "text-anchor": "middle" }, text(value))));
  return svg("g", { class: "infolayer", transform: `translate(${box.l + box.w + 14} ${box.t})` }, ramp, svg("rect", { width: 9, height: box.h, fill: `url(#${id})` }),
    values.map((value) => svg("text", { class: "tick", x: 14, y: box.h - at(value) + 4 }, text(value))), svg("text", { class: "ctitle", transform: `translate(56 ${box.h / 2}) rotate(-90)`, "text-anchor": "middle" }, title));
}

function axes(given, box, x, y, across, up, px, py) {
  return svg("g", { class: "axes2" },
    across.values.map((value) => svg("path", { class: "grid", d: `M${px(value)} ${box.t}V${box.t + box.h + 4}` })), up.values.map((value) => svg("path", { class: "grid", d: `M${box.l - 4} ${py(value)}H${box.l + box.w}` })),
    across.values.map((value) => svg("text", { class: "tick", x: px(value), y: box.t + box.h + 17, "text-anchor": "middle" }, across.text(value))), up.values.map((value) => svg("text", { class: "tick", x: box.l - 7, y: py(value) + 4, "text-anchor": "end" }, up.text(value))),
    svg("text", { class: "xtitle", x: box.l + box.w / 2, y: box.t + box.h + 37, "text-anchor": "middle" }, given.xaxis.title.text),
    svg("text", { class: "ytitle", transform: `translate(13 ${box.t + box.h / 2}) rotate(-90)`, "text-anchor": "middle" }, given.yaxis.title.text));
}

/** Draw, or draw again with the zoom kept while `uirevision` is the same. @param {HTMLElement} place @param {any[]} traces @param {any} given @param {{narrow: boolean, save?: ?((place: any) => void)}} how */
export function chart(place, traces, given, how) {
  const kept = place.chart?.uirevision === given.uirevision ? place.chart.zoomed : null;
  place.chart = { uirevision: given.uirevision, zoomed: kept, given, traces, how };
  place.data = traces;
  if (!place.on) Object.assign(place, { heard: {}, on(name, what) { (this.heard[name] ??= []).push(what); }, emit(name, data) { for (const each of this.heard[name] ?? []) each(data); } });
  render(place);
}

/** Show so much of it; null: all. @param {any} place @param {?{x: [number, number], y: [number, number]}} zoomed */
function zoom(place, zoomed) {
  place.chart.zoomed = zoomed;
  render(place);
}

/** Draw what is there, where it is now. */
export function render(place) {
  const { traces, given, how, zoomed } = place.chart, width = place.clientWidth, height = place.clientHeight;
  if (!width || !height) return;
  const some = traces.filter((each) => each.x?.length), spread = (name) => some.flatMap((each) => (each[`error_${name}`]?.array ? [each[name].map((v, at) => v - (each[`error_${name}`].array[at] || 0)), each[name].map((v, at) => v + (each[`error_${name}`].array[at] || 0))] : [each[name]]));
  const [xs, ys] = ["x", "y"].map((name) => zoomed?.[name] ?? ends(spread(name), { tozero: given[`${name}axis`].rangemode === "tozero" }));
  const flat = Boolean(given.coloraxis) && how.narrow, top = TOP + (flat ? HIGH_KEY : 0), up = ticks(...ys, Math.max(2, Math.floor((height - top - FOOT) / 44)));
  const left = 34 + Math.max(0, ...up.values.map((value) => wide(up.text(value)))), right = given.coloraxis && !flat ? KEY : 16;
  const box = { l: left, t: top, w: Math.max(20, width - left - right), h: Math.max(20, height - top - FOOT) };
  const x = axisOf(xs, box.w, false), y = axisOf(ys, box.h, true), across = ticks(...xs, Math.max(2, Math.min(9, Math.floor(box.w / 70))));
  const round = (value) => Math.round(10 * value) / 10, px = (value) => round(box.l + x.at(value)), py = (value) => round(box.t + y.at(value));
  const scale = given.coloraxis ?? {}, colours = (value) => (known(value) ? RAMP[Math.max(0, Math.min(RAMP.length - 1, Math.round(((value - scale.cmin) / (scale.cmax - scale.cmin || 1)) * (RAMP.length - 1))))] : look("soft"));
  const clip = `clip${++count}`;
  const drawn = svg("svg", { class: "chart", width, height, "aria-hidden": "true" }, svg("clipPath", { id: clip }, svg("rect", { x: box.l - ROOM, y: box.t - ROOM, width: box.w + 2 * ROOM, height: box.h + 2 * ROOM })),
    axes(given, box, x, y, across, up, px, py), given.coloraxis ? key(given.coloraxis, box, flat) : null,
    svg("g", { class: "scatterlayer", "clip-path": `url(#${clip})` }, some.map((each) => svg("g", { class: "trace" }, each.mode === "lines" ? line(each, px, py) : each.mode === "none" ? null : marks(each, px, py, colours)))),
    svg("rect", { class: "nsewdrag", x: box.l, y: box.t, width: box.w, height: box.h, fill: "transparent" }), svg("rect", { class: "zoombox", hidden: true }));
  place.frame = { x, y, box, width, height };
  if (place.querySelector(":scope > svg.chart")) place.querySelector(":scope > svg.chart").replaceWith(drawn); else place.replaceChildren(drawn);
  hands(place, zoom);
  place.emit("drawn");
}
