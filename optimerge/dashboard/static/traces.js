/** What plotly is given for the front: points by kind, error bars, stairs, names, rings. */

import { look } from "./dom.js";
import { cut, literal } from "./format.js";
import { placed } from "./labels.js";
import { MARKS } from "./marks.js";
import { selected } from "./state.js";

/** What is put across instead of an objective: the number of the trial. */
export const NUMBER = "#";
export const KINDS = ["dominated", "infeasible", "pruned", "front"];
/** Members whose error bars do not hide each other. */
const FEW = 60;

/** Which objectives are on the axes: those of the address, where they exist. @param {import("./study.js").Study} study */
export function axesOf(study) {
  const now = selected(), names = study.objectives.map((each) => each.name);
  const known = (name) => names.includes(name) || name === NUMBER;
  const y = names.includes(now.y) ? now.y : names.find((each) => each !== now.x && each !== names[0]) ?? names[0];
  const x = known(now.x) && now.x !== y ? now.x : names.find((each) => each !== y) ?? NUMBER;
  const free = names.filter((each) => each !== x && each !== y);
  const colour = now.colour === "none" ? "" : names.includes(now.colour) ? now.colour : free[0] ?? "";
  return { x, y, colour };
}
export const scoresOf = (study) => (selected().scores === "test" && study.hasTest ? "test" : "search");

/** A loss, of which less is better, as a value of its objective. */
export function corner(loss, objective) {
  return typeof loss !== "number" ? null : objective.direction === "minimize" ? loss : -loss;
}

export function read(study, at, name) {
  return name === NUMBER ? study.columns.number[at] ?? at : study.value(at, name, scoresOf(study));
}

export function baselineValue(study, each, name) {
  const from = scoresOf(study) === "test" ? each.test : each.search;
  return from?.[name] ?? null;
}

function bars(errors, colour) {
  return { type: "data", array: errors.map((each) => each ?? 0), visible: errors.some(Boolean), thickness: 1, width: 0, color: colour };
}

export function points(study, kind, { x, y, colour }, brushed) {
  const mark = MARKS[kind], scores = scoresOf(study);
  const at = study.of(kind).filter((each) => read(study, each, x) !== null && read(study, each, y) !== null);
  const third = colour && (kind === "front" || kind === "dominated");
  const fainter = study.size > 400 ? 0.6 : 1;
  const trace = { type: "scatter", mode: "markers", x: at.map((each) => read(study, each, x)), y: at.map((each) => read(study, each, y)),
    customdata: at.map((each) => study.columns.name[each]), hoverinfo: "none",
    marker: { symbol: mark.symbol, size: mark.size, opacity: kind === "front" ? 1 : mark.opacity * fainter, line: { width: kind === "front" ? 1 : mark.symbol.endsWith("open") ? 1.6 : 0, color: kind === "front" ? look(third ? "soft" : "page") : look(mark.colour) },
      color: third ? at.map((each) => study.value(each, colour, scores)) : look(mark.colour),
      ...(third ? { coloraxis: "coloraxis" } : {}) } };
  const wanted = selected().bars;
  if (wanted === "all" || (kind === "front" && (wanted === "front" || (wanted === "auto" && at.length <= FEW)))) {
    trace.error_y = bars(at.map((each) => study.error(each, y, scores)), look("soft"));
    if (x !== NUMBER) trace.error_x = bars(at.map((each) => study.error(each, x, scores)), look("soft"));
  }
  if (brushed) {
    trace.selectedpoints = at.flatMap((each, place) => (brushed[each] ? [place] : []));
    trace.unselected = { marker: { opacity: 0.06 } };
    trace.selected = { marker: { opacity: 1 } };
  }
  return trace;
}

export function ring(study, kind, name, { x, y }) {
  const mark = MARKS[kind], at = study.index.get(name);
  const baseline = at === undefined ? study.baselines.find((each) => each.name === name) : null;
  const px = at !== undefined ? read(study, at, x) : baseline ? baselineValue(study, baseline, x) : null;
  const py = at !== undefined ? read(study, at, y) : baseline ? baselineValue(study, baseline, y) : null;
  const there = name && px !== null && py !== null;
  return { type: "scatter", mode: "markers", hoverinfo: "skip", x: there ? [px] : [], y: there ? [py] : [],
    marker: { symbol: mark.symbol, size: mark.size, color: look(mark.colour), line: { width: 2.5, color: look(mark.colour) } } };
}

export function stairs(study, given, reference) {
  const { x, y } = given;
  const good = [...study.of("front"), ...study.of("dominated"), ...study.of("parent").filter((at) => study.columns.on_front[at])].map((at) => [read(study, at, x), read(study, at, y), at]).filter(([a, b]) => a !== null && b !== null);
  if (x === NUMBER || !good.length) return [{ type: "scatter", x: [], y: [], hoverinfo: "skip" }, { type: "scatter", x: [], y: [], hoverinfo: "skip" }];
  const steps = study.stairs(good, x, y), cx = [], cy = [];
  const rising = study.up(x) * study.up(y) < 0;
  steps.forEach(([a, b], place) => {
    // between two members what is reached is the worse of both in each objective
    if (place) { const before = steps[place - 1]; const horizontalFirst = study.up(x) < 0; cx.push(horizontalFirst ? a : before[0]); cy.push(horizontalFirst ? before[1] : b); }
    cx.push(a); cy.push(b);
  });
  const line = { type: "scatter", mode: "lines", x: cx, y: cy, hoverinfo: "skip", line: { color: look("blue"), width: 1.4, dash: study.objectives.length > 2 ? "dot" : "solid" } };
  const rx = reference?.[x], ry = reference?.[y];
  if (study.objectives.length !== 2 || typeof rx !== "number" || typeof ry !== "number" || scoresOf(study) === "test") return [{ type: "scatter", x: [], y: [], hoverinfo: "skip" }, line];
  const first = study.up(x) > 0 ? [rx, cy[0]] : [cx[0], ry];
  const last = study.up(x) > 0 ? [cx.at(-1), ry] : [rx, cy.at(-1)];
  const shade = { type: "scatter", mode: "lines", hoverinfo: "skip", fill: "toself", fillcolor: look("shade"), line: { width: 0 },
    x: [rx, first[0], ...cx, last[0], rx], y: [ry, first[1], ...cy, last[1], ry], meta: rising };
  return [shade, line];
}

export function baselines(study, { x, y }, place) {
  const mark = MARKS.baseline;
  const some = study.baselines.filter((each) => baselineValue(study, each, y) !== null && (x === NUMBER || baselineValue(study, each, x) !== null));
  const at = some.map((each) => [x === NUMBER ? 0 : baselineValue(study, each, x), baselineValue(study, each, y)]);
  const names = some.map((each) => cut(each.name, 26));
  const all = [...study.columns.name.keys()].map((each) => [read(study, each, x), read(study, each, y)]).filter(([a, b]) => a !== null && b !== null).concat(at);
  const range = all.reduce(([a, b, c, d], [px, py]) => [Math.min(a, px), Math.max(b, px), Math.min(c, py), Math.max(d, py)], [Infinity, -Infinity, Infinity, -Infinity]);
  const trace = { type: "scatter", mode: "markers+text", x: at.map((each) => each[0]), y: at.map((each) => each[1]), text: names.map(literal), customdata: some.map((each) => each.name), hoverinfo: "none", cliponaxis: false,
    textposition: placed(at, names, range, Math.max(200, place.clientWidth - 90), Math.max(200, place.clientHeight - 70)), textfont: { size: 11, color: look("ink") },
    marker: { symbol: mark.symbol, size: mark.size, color: look(mark.colour), line: { width: 1, color: look("page") } } };
  const errorOf = (each) => (scoresOf(study) === "test" ? each.test_stderr : each.stderr);
  if (selected().bars !== "none") {
    trace.error_y = bars(some.map((each) => errorOf(each)?.[y]), look("soft"));
    if (x !== NUMBER) trace.error_x = bars(some.map((each) => errorOf(each)?.[x]), look("soft"));
  }
  return trace;
}
