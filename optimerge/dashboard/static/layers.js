/** Weight and density by layer and expert, as a heat map. */

import { el, look, svg } from "./dom.js";
import { cut, plain } from "./format.js";

const CELL = 18;

function colour(value, most) {
  const share = Math.min(1, Math.abs(value) / (most || 1));
  return { fill: look(value < 0 ? "orange" : "blue"), "fill-opacity": (0.06 + 0.94 * share).toFixed(3) };
}

function map(parameter, rows) {
  const most = Math.max(...rows.flatMap((each) => each.values.map((value) => Math.abs(value ?? 0))));
  const count = Math.max(...rows.map((each) => each.values.length));
  const wide = Math.max(5, Math.min(40, 290 / count));
  const cells = rows.flatMap((row, y) => row.values.map((value, x) => svg("rect", { x: x * wide, y: y * CELL, width: wide - 1, height: CELL - 1, ...(value === null ? { fill: "none", class: "none" } : colour(value, most)) },
    svg("title", {}, `${row.model}${row.part ? `, ${row.part}` : ""}, layer ${x}: ${parameter} ${plain(value)}`))));
  const every = Math.ceil(count / 8);
  const ticks = Array.from({ length: count }, (_, at) => at).filter((at) => at % every === 0).map((at) => svg("text", { x: at * wide + wide / 2, y: rows.length * CELL + 12, "text-anchor": "middle" }, String(at)));
  return el("div", { class: "heat" }, el("h3", {}, parameter, el("span", { class: "soft" }, ` up to ${plain(most)}`)),
    el("div", { class: "heat-rows" }, el("div", { class: "heat-names" }, rows.map((row) => el("span", { title: `${row.model} ${row.part ?? ""}` }, `${cut(row.model.split("/").at(-1), 16)} ${row.part ?? ""}`))),
      el("div", { class: "wide", tabindex: "0", "data-scroll": `heat:${parameter}`, role: "img", "aria-label": `${parameter} by layer: ${rows.map((row) => `${row.model} ${row.part ?? ""} ${plain(Math.min(...row.values))} to ${plain(Math.max(...row.values))}`).join("; ")}` },
        svg("svg", { class: "cells", width: count * wide, height: rows.length * CELL + 16 }, cells, ticks))));
}

/** @param {{model: string, parameter: string, part: string, values: (?number)[]}[]} found */
export function layers(found) {
  const parameters = [...new Set(found.map((each) => each.parameter))];
  return el("div", {}, parameters.map((parameter) => map(parameter, found.filter((each) => each.parameter === parameter))),
    el("p", { class: "soft" }, "Layers from left to right; the darker, the larger; orange is below 0."));
}
