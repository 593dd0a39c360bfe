/** Parallel coordinates: lines on canvas, axes and brushes above them. */

import { axes, inside, ranges, written } from "./brush.js";
import { el, fill, look, svg } from "./dom.js";
import { between, cut, titled } from "./format.js";
import { choose, selected } from "./state.js";

const HIGH = 300, TOP = 46, BOTTOM = 22, SIDE = 30, LEAST = 84;

const label = (each, value) => (each.names ? each.names[Math.round(value)] ?? "" : between(each.low, each.high)(value));

/** Width for so many axes; on a narrow screen it scrolls. */
const widthFor = (host, count) => Math.max(host.clientWidth - 4, 2 * SIDE + (count - 1) * LEAST);

/** Lines a frame: the first are there at once, and the hand need not wait for the rest. */
const AT_ONCE = 20;
let drawing = 0;

/** Numbers from 0 in an order of which every beginning is spread over all of them. */
function spread(some) {
  const step = [997, 499, 251, 127, 61, 31, 7, 1].find((each) => some.length % each);
  return some.length > AT_ONCE ? some.map((_, at) => some[(at * step) % some.length]) : some;
}

function sized(canvas) {
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio; canvas.height = HIGH * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
}

/** Draw the lines: the front's on the upper canvas, so that they stay on top whichever comes first. */
function lines(lower, upper, study, trace, brushed) {
  const under = sized(lower), above = sized(upper), some = scored(study);
  const faint = study.size > 400 ? 0.05 : 0.22, front = (at) => study.kinds[at] === "front", lit = (at) => !brushed || brushed[at];
  const classes = [[above, some.filter((at) => lit(at) && front(at)), "blue", study.of("front").length > 100 ? 0.12 : 0.85, 1.6],
    [under, some.filter((at) => lit(at) && !front(at)), brushed ? "sky" : "soft", brushed ? 0.5 : faint, 1], [under, some.filter((at) => !lit(at)), "soft", faint / 2.5, 1]];
  const todo = classes.flatMap(([pen, at, colour, alpha, width]) => spread(at).map((each) => [pen, each, look(colour), alpha, width]));
  const mine = ++drawing;
  const go = (from) => {
    if (mine !== drawing) return;  // it is drawn anew
    for (const [pen, at, colour, alpha, width] of todo.slice(from, from + AT_ONCE)) {
      pen.strokeStyle = colour; pen.globalAlpha = alpha; pen.lineWidth = width;
      pen.beginPath();
      trace(at, (x, y) => pen.moveTo(x, y), (x, y) => pen.lineTo(x, y));
      pen.stroke();
    }
    if (from + AT_ONCE < todo.length) requestAnimationFrame(() => go(from + AT_ONCE));
  };
  go(0);
}

/** What is selected, as a line of its own. */
function marked(study, trace) {
  const at = study.index.get(selected().trial);
  if (at === undefined) return null;
  let path = "";
  trace(at, (x, y) => { path += `M${x} ${y}`; }, (x, y) => { path += `L${x} ${y}`; });
  return svg("path", { class: "marked", d: path });
}

const scored = (study) => study.kinds.map((_, at) => at).filter((at) => ["front", "dominated", "infeasible"].includes(study.kinds[at]));

/** @param {HTMLElement} host @param {import("./study.js").Study} study */
export function drawParallel(host, study) {
  if (host.dataset.dragging) return;  // the hand is on it
  const all = axes(study).filter((each) => each.high > each.low || each.objective);
  const found = ranges(selected().brush);
  const wide = widthFor(host, all.length), high = HIGH;
  const x = (place) => SIDE + (all.length > 1 ? (place / (all.length - 1)) * (wide - 2 * SIDE) : 0);
  const y = (each, value) => high - BOTTOM - ((value - each.low) / (each.high - each.low || 1)) * (high - TOP - BOTTOM);
  const back = (each, py) => Math.min(each.high, Math.max(each.low, each.low + ((high - BOTTOM - py) / (high - TOP - BOTTOM)) * (each.high - each.low)));
  const [lower, upper] = [0, 1].map(() => el("canvas", { class: "lines", "aria-hidden": "true", look: { width: `${wide}px`, height: `${high}px` } }));
  const trace = (at, move, line) => {
    let on = false;
    all.forEach((each, place) => {
      const value = each.values[at], known = value !== null && value !== undefined;
      if (known) (on ? line : move)(x(place), y(each, value));
      on = known;
    });
  };
  const set = (key, pair) => { const next = { ...ranges(selected().brush) }; if (pair) next[key] = pair; else delete next[key]; choose({ brush: written(next) }, false); };

  const axis = (each, place) => {
    const px = x(place), pair = found[each.key];
    const span = svg("rect", { class: "brush", x: px - 9, width: 18, y: pair ? y(each, pair[1]) : 0, height: pair ? Math.max(3, y(each, pair[0]) - y(each, pair[1])) : 0 });
    const hit = svg("rect", { class: "hit", "data-axis": each.key, x: px - 16, y: TOP - 8, width: 32, height: high - TOP - BOTTOM + 16 }, svg("title", {}, `${each.name}: drag to keep a range, click to let it go`));
    hit.addEventListener("pointerdown", (event) => {
      const top = hit.ownerSVGElement.getBoundingClientRect().top, from = event.clientY - top;
      hit.setPointerCapture(event.pointerId);
      host.dataset.dragging = "yes";
      const move = (next) => { const to = next.clientY - top; span.setAttribute("y", Math.min(from, to)); span.setAttribute("height", Math.max(1, Math.abs(to - from))); };
      const end = (next) => {
        hit.removeEventListener("pointermove", move);
        delete host.dataset.dragging;
        const to = next.clientY - top;
        let pair = Math.abs(to - from) < 5 ? null : [back(each, Math.max(from, to)), back(each, Math.min(from, to))];
        if (pair && each.names) pair = [Math.ceil(pair[0] - 0.5), Math.floor(pair[1] + 0.5)];
        if (JSON.stringify(pair) === JSON.stringify(ranges(selected().brush)[each.key] ?? null)) drawParallel(host, study); else set(each.key, pair);
      };
      hit.addEventListener("pointermove", move);
      hit.addEventListener("pointerup", end, { once: true });
      hit.addEventListener("pointercancel", end, { once: true });
    });
    const name = each.objective ? titled(each.objective) : each.name;
    const ticks = each.names ? each.names.map((text, at) => [text, at]) : [[label(each, each.high), each.high], [label(each, each.low), each.low]];
    return svg("g", { class: each.objective ? "axis objective" : "axis" }, svg("line", { x1: px, x2: px, y1: TOP, y2: high - BOTTOM }),
      svg("text", { class: "axis-name", x: px, y: place % 2 ? 28 : 12, ...(place === 0 ? { x: 2, "text-anchor": "start" } : place === all.length - 1 ? { x: wide - 2, "text-anchor": "end" } : { "text-anchor": "middle" }) }, cut(name, Math.floor(2 * (wide - 2 * SIDE) / Math.max(1, all.length - 1) / 7)), svg("title", {}, name)),
      each.names ? ticks.map(([text, value]) => svg("text", { x: px + 5, y: y(each, value) + 4, class: "tick" }, cut(text, 12)))
        : ticks.map(([text, value], at) => svg("text", { x: px, y: y(each, value) + (at ? 15 : -5), "text-anchor": "middle", class: "tick" }, text)), span, hit);
  };
  const overlay = svg("svg", { class: "axes", width: wide, height: high, role: "img", "aria-label": "Parallel coordinates of parameters and objectives; the ranges below do the same by keyboard" }, all.map(axis), marked(study, trace));
  const brushed = inside(study, found);
  const kept = brushed ? brushed.filter((each, at) => each && study.value(at, study.objectives[0].name) !== null).length : null;
  fill(host, el("div", { class: "row" }, el("span", { id: "kept" }, kept === null ? "Drag along an axis to keep a range; the front above follows." : `${kept} trials lie in the ranges.`),
    kept === null ? null : el("button", { type: "button", class: "small", "data-key": "unbrush", onclick: () => choose({ brush: "" }) }, "Show all again")),
    el("div", { class: "wide", "data-scroll": "parallel", tabindex: "0" }, el("div", { class: "parallel", look: { width: `${wide}px`, height: `${high}px` } }, lower, upper, overlay)),
    numbers(all, found, set));
  lines(lower, upper, study, trace, brushed);
}

/** The same by keyboard; its many fields are made when they are asked for. */
function numbers(all, found, set) {
  const fields = () => el("div", { class: "ranges" }, all.filter((each) => !each.names).map((each) => {
    const pair = found[each.key] ?? [each.low, each.high];
    const input = (side) => el("input", { type: "number", step: "any", "data-key": `range:${each.key}:${side}`, "aria-label": `${each.name} ${side ? "at most" : "at least"}`, value: String(Number(pair[side].toPrecision(5))),
      onchange: (event) => { const next = [...pair]; next[side] = Number(event.target.value); set(each.key, next[0] <= each.low && next[1] >= each.high ? null : next); } });
    return el("div", { class: "range" }, el("span", {}, each.objective ? titled(each.objective) : each.name), input(0), el("span", {}, "to"), input(1));
  }));
  const open = Boolean(document.querySelector('details[data-key="ranges"]')?.open);
  return el("details", { "data-key": "ranges", ontoggle: ({ target }) => { if (target.open && target.children.length === 1) target.append(fields()); } }, el("summary", { "data-key": "ranges-summary" }, "Ranges as numbers"), open ? fields() : null);
}
