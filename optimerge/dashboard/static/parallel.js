/** Parallel coordinates: lines on canvas, axes and brushes above them. */

import { axes, inside, ranges, written } from "./brush.js";
import { el, fill, look, svg } from "./dom.js";
import { between, cut, titled } from "./format.js";
import { choose, selected } from "./state.js";

const HIGH = 300, TOP = 46, BOTTOM = 22, SIDE = 30, LEAST = 84;

const label = (each, value) => (each.names ? each.names[Math.round(value)] ?? "" : between(each.low, each.high)(value));

/** Width for so many axes; on a narrow screen it scrolls. */
const widthFor = (host, count) => Math.max(host.clientWidth - 4, 2 * SIDE + (count - 1) * LEAST);

function lines(canvas, study, all, x, y, brushed) {
  const ratio = devicePixelRatio || 1, wide = canvas.clientWidth;
  canvas.width = wide * ratio; canvas.height = HIGH * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const trace = (at) => {
    pen.beginPath();
    let on = false;
    all.forEach((each, place) => {
      const value = each.values[at];
      if (value === null || value === undefined) { on = false; return; }
      if (on) pen.lineTo(x(place), y(each, value)); else pen.moveTo(x(place), y(each, value));
      on = true;
    });
    pen.stroke();
  };
  const faint = study.size > 400 ? 0.05 : 0.22;
  const some = study.kinds.map((_, at) => at).filter((at) => ["front", "dominated", "infeasible"].includes(study.kinds[at]));
  const classes = [[(at) => brushed && !brushed[at], "soft", faint / 2.5, 1], [(at) => (!brushed || brushed[at]) && study.kinds[at] !== "front", brushed ? "sky" : "soft", brushed ? 0.5 : faint, 1],
    [(at) => (!brushed || brushed[at]) && study.kinds[at] === "front", "blue", study.of("front").length > 100 ? 0.12 : 0.85, 1.6]];
  for (const [has, colour, alpha, width] of classes) {
    pen.strokeStyle = look(colour); pen.globalAlpha = alpha; pen.lineWidth = width;
    some.filter(has).forEach(trace);
  }
  const at = study.index.get(selected().trial);
  if (at !== undefined) { pen.strokeStyle = look("red"); pen.globalAlpha = 1; pen.lineWidth = 3; trace(at); }
}

/** @param {HTMLElement} host @param {import("./study.js").Study} study */
export function drawParallel(host, study) {
  if (host.dataset.dragging) return;  // the hand is on it
  const all = axes(study).filter((each) => each.high > each.low || each.objective);
  const found = ranges(selected().brush);
  const wide = widthFor(host, all.length), high = HIGH;
  const x = (place) => SIDE + (all.length > 1 ? (place / (all.length - 1)) * (wide - 2 * SIDE) : 0);
  const y = (each, value) => high - BOTTOM - ((value - each.low) / (each.high - each.low || 1)) * (high - TOP - BOTTOM);
  const back = (each, py) => Math.min(each.high, Math.max(each.low, each.low + ((high - BOTTOM - py) / (high - TOP - BOTTOM)) * (each.high - each.low)));
  const canvas = el("canvas", { class: "lines", "aria-hidden": "true", look: { width: `${wide}px`, height: `${high}px` } });
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
  const overlay = svg("svg", { class: "axes", width: wide, height: high, role: "img", "aria-label": "Parallel coordinates of parameters and objectives; the ranges below do the same by keyboard" }, all.map(axis));
  const brushed = inside(study, found);
  const kept = brushed ? brushed.filter((each, at) => each && study.value(at, study.objectives[0].name) !== null).length : null;
  fill(host, el("div", { class: "row" }, el("span", { id: "kept" }, kept === null ? "Drag along an axis to keep a range; the front above follows." : `${kept} trials lie in the ranges.`),
    kept === null ? null : el("button", { type: "button", class: "small", "data-key": "unbrush", onclick: () => choose({ brush: "" }) }, "Show all again")),
    el("div", { class: "wide", "data-scroll": "parallel", tabindex: "0" }, el("div", { class: "parallel", look: { width: `${wide}px`, height: `${high}px` } }, canvas, overlay)),
    numbers(all, found, set));
  lines(canvas, study, all, x, y, brushed);
}

function numbers(all, found, set) {
  return el("details", { "data-key": "ranges" }, el("summary", { "data-key": "ranges-summary" }, "Ranges as numbers"), el("div", { class: "ranges" }, all.filter((each) => !each.names).map((each) => {
    const pair = found[each.key] ?? [each.low, each.high];
    const input = (side) => el("input", { type: "number", step: "any", "data-key": `range:${each.key}:${side}`, "aria-label": `${each.name} ${side ? "at most" : "at least"}`, value: String(Number(pair[side].toPrecision(5))),
      onchange: (event) => { const next = [...pair]; next[side] = Number(event.target.value); set(each.key, next[0] <= each.low && next[1] >= each.high ? null : next); } });
    return el("div", { class: "range" }, el("span", {}, each.objective ? titled(each.objective) : each.name), input(0), el("span", {}, "to"), input(1));
  })));
}
