/** Weight and density by layer and expert, as a heat map. */

import { el, svg } from "./dom.js";
import { cut, digitsOf, valued } from "./format.js";

/** Pixels: a row, the narrowest cell, the widest, and a cell with room for its number. */
const CELL = 18, LEAST = 2.4, MOST = 46, ROOM = 32;

/** The strength of a value among others, 0 to 1. */
const strength = (value, most) => Math.min(1, Math.abs(value) / (most || 1));
const spread = (share) => (0.05 + 0.95 * share).toFixed(3);

function cell(row, x, y, wide, most, digits, parameter) {
  const value = row.values[x], about = `${row.model}${row.part ? `, ${row.part}` : ""}, layer ${x}: ${parameter} ${value === null ? "none" : valued(value, digits)}`;
  const gap = wide > 5 ? 1 : 0, share = value === null ? 0 : strength(value, most);
  return svg("g", { class: "cell" }, svg("title", {}, about), svg("rect", { x: x * wide, y: y * CELL, width: wide - gap, height: CELL - 1, class: value === null ? "none" : value < 0 ? "below" : "above", "fill-opacity": value === null ? null : spread(share) }),
    wide >= ROOM && value !== null ? svg("text", { x: x * wide + wide / 2, y: y * CELL + 12, "text-anchor": "middle", class: share > 0.55 ? "on" : "off" }, valued(value, Math.min(2, digits))) : null);
}

/** What the shades mean. */
function key(most, negative, digits) {
  const shades = [0, 0.25, 0.5, 0.75, 1], bar = (kind) => svg("svg", { class: "cells", width: 60, height: 10, "aria-hidden": "true" }, (kind === "below" ? [...shades].reverse() : shades).map((share, at) => svg("rect", { class: kind, x: at * 12, y: 0, width: 12, height: 10, "fill-opacity": spread(share) })));
  return el("span", { class: "heat-key soft" }, negative ? [`${valued(-most, digits)} `, bar("below")] : null, " 0 ", bar("above"), ` ${valued(most, digits)}`);
}

function map(parameter, rows, room) {
  const values = rows.flatMap((each) => each.values).filter((value) => value !== null);
  const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0), digits = digitsOf([], values), count = Math.max(...rows.map((each) => each.values.length));
  const names = rows.map((each) => cut(`${each.model.split("/").at(-1)}${each.part ? ` ${each.part}` : ""}`, room < 420 ? 15 : 24));
  const free = room - 16 - 6.6 * Math.max(...names.map((each) => each.length)), wide = Math.max(LEAST, Math.min(MOST, free / count));
  const every = [1, 2, 5, 10, 20, 50, 100].find((each) => each * wide >= 22) ?? 200;
  const ticks = Array.from({ length: Math.ceil(count / every) }, (_, at) => at * every).map((at) => svg("text", { class: "tick", x: at * wide + wide / 2, y: rows.length * CELL + 12, "text-anchor": at ? "middle" : wide < 8 ? "start" : "middle" }, String(at)));
  const said = rows.map((row) => { const known = row.values.filter((value) => value !== null); return `${row.model} ${row.part ?? ""} ${known.length ? `${valued(Math.min(...known), digits)} to ${valued(Math.max(...known), digits)}` : "none"}`; });
  return el("div", { class: "heat" }, el("h3", {}, parameter, " ", key(most, values.some((value) => value < 0), digits)),
    el("div", { class: "heat-rows" }, el("div", { class: "heat-names" }, rows.map((row, at) => el("span", { title: `${row.model} ${row.part ?? ""}` }, names[at]))),
      el("div", { class: "wide", tabindex: "0", "data-scroll": `heat:${parameter}`, role: "img", "aria-label": `${parameter} by layer: ${said.join("; ")}` },
        svg("svg", { class: "cells", width: count * wide, height: rows.length * CELL + 16 }, rows.flatMap((row, y) => row.values.map((_, x) => cell(row, x, y, wide, most, digits, parameter))), ticks))));
}

/** @param {{model: string, parameter: string, part: string, values: (?number)[]}[]} found @param {number} width that there is, in pixels */
export function layers(found, width) {
  const parameters = [...new Set(found.map((each) => each.parameter))];
  return el("div", {}, parameters.map((parameter) => map(parameter, found.filter((each) => each.parameter === parameter), width - 48)),
    el("p", { class: "soft" }, "Layers from left to right; point at one for its number."));
}
