/** What plotly is given for the front: points by kind, error bars, stairs, names, rings. */

import { look } from "./dom.js";
import { MANY } from "./crowd.js";
import { bare, cut } from "./format.js";
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

const errorsOf = (study, at, name) => at.map((each) => study.error(each, name, scoresOf(study)));

/** Whether these trials have error bars. */
function barred(kind, at) {
  const wanted = selected().bars;
  return wanted === "all" || (kind === "front" && (wanted === "front" || (wanted === "auto" && at.length <= FEW)));
}

/** Whether so many points are drawn on canvas. */
const crowded = (kind, at) => at.length > MANY && (kind === "front" || kind === "dominated");

/** The trials of a kind that have a place in the picture. */
function seen(study, kind, { x, y }) {
  return study.of(kind).filter((each) => read(study, each, x) !== null && read(study, each, y) !== null);
}

/** What is drawn on canvas, of kinds with many points. @returns {import("./crowd.js").Crowd[]} */
export function crowds(study, given, brushed, ends) {
  return ["dominated", "front"].map((kind) => [kind, seen(study, kind, given)]).filter(([kind, at]) => crowded(kind, at)).map(([kind, at]) => ({
    x: at.map((each) => read(study, each, given.x)), y: at.map((each) => read(study, each, given.y)), by: given.colour ? at.map((each) => study.value(each, given.colour, scoresOf(study))) : null,
    ends: [ends.cmin ?? 0, ends.cmax ?? 1], colour: MARKS[kind].colour, radius: kind === "front" ? 4 : 2.2, alpha: kind === "front" ? 1 : 0.6, edge: kind === "front" ? "page" : "",
    errors: barred(kind, at) ? { x: given.x === NUMBER ? null : errorsOf(study, at, given.x), y: errorsOf(study, at, given.y) } : null,
    lit: brushed ? new Set(at.flatMap((each, place) => (brushed[each] ? [place] : []))) : null }));
}

export function points(study, kind, given, brushed) {
  const { x, y, colour } = given, mark = MARKS[kind], scores = scoresOf(study);
  const at = seen(study, kind, given), many = crowded(kind, at);
  const third = colour && (kind === "front" || kind === "dominated");
  const trace = { mode: many ? "none" : "markers", x: at.map((each) => read(study, each, x)), y: at.map((each) => read(study, each, y)),
    customdata: at.map((each) => study.columns.name[each]),
    marker: { symbol: mark.symbol, size: mark.size, opacity: mark.opacity, line: { width: kind === "front" || third ? 1 : mark.symbol.endsWith("open") ? 1.6 : 0, color: third ? look("soft") : kind === "front" ? look("page") : look(mark.colour) },
      color: third ? at.map((each) => study.value(each, colour, scores)) : look(mark.colour) } };
  if (!many && barred(kind, at)) {
    trace.error_y = bars(errorsOf(study, at, y), look("soft"));
    if (x !== NUMBER) trace.error_x = bars(errorsOf(study, at, x), look("soft"));
  }
  if (brushed) {
    trace.selectedpoints = at.flatMap((each, place) => (brushed[each] ? [place] : []));
    trace.unselected = { marker: { opacity: 0.06 } };
    trace.selected = { marker: { opacity: 1 } };
  }
  return trace;
}

/** Where a marked trial or baseline lies; nothing if it has no place. */
export function ring(study, kind, name, { x, y }) {
  const at = study.index.get(name), baseline = at === undefined ? study.baselines.find((each) => each.name === name) : null;
  const of = (axis) => (at !== undefined ? read(study, at, axis) : baseline ? baselineValue(study, baseline, axis) : null);
  const px = name ? of(x) : null, py = name ? of(y) : null;
  return px === null || py === null ? [] : [{ kind, name, x: px, y: py }];
}

/** Names of parents and baselines, and the points that they shall not cover. */
export function names(study, given) {
  const { x, y } = given;
  const some = study.baselines.filter((each) => baselineValue(study, each, y) !== null && (x === NUMBER || baselineValue(study, each, x) !== null));
  const others = ["front", "dominated"].map((kind) => seen(study, kind, given)).filter((at) => at.length <= MANY).flat();
  return { names: some.map((each) => ({ text: cut(bare(each.name), 26), x: x === NUMBER ? 0 : baselineValue(study, each, x), y: baselineValue(study, each, y) })), others: others.map((at) => [read(study, at, x), read(study, at, y)]) };
}

export function stairs(study, given, reference) {
  const { x, y } = given;
  const good = [...study.of("front"), ...study.of("dominated"), ...study.of("parent").filter((at) => study.columns.on_front[at])].map((at) => [read(study, at, x), read(study, at, y), at]).filter(([a, b]) => a !== null && b !== null);
  if (x === NUMBER || !good.length) return [{ x: [], y: [] }, { x: [], y: [] }];
  const steps = study.stairs(good, x, y), cx = [], cy = [];
  steps.forEach(([a, b], place) => {
    // between two members what is reached is the worse of both in each objective
    if (place) { const before = steps[place - 1]; const horizontalFirst = study.up(x) < 0; cx.push(horizontalFirst ? a : before[0]); cy.push(horizontalFirst ? before[1] : b); }
    cx.push(a); cy.push(b);
  });
  const line = { mode: "lines", x: cx, y: cy, hoverinfo: "skip", line: { color: look("blue"), width: 1.4, dash: study.objectives.length > 2 ? "dot" : "solid" } };
  const rx = reference?.[x], ry = reference?.[y];
  if (study.objectives.length !== 2 || typeof rx !== "number" || typeof ry !== "number" || scoresOf(study) === "test") return [{ x: [], y: [] }, line];
  const first = study.up(x) > 0 ? [rx, cy[0]] : [cx[0], ry];
  const last = study.up(x) > 0 ? [cx.at(-1), ry] : [rx, cy.at(-1)];
  const shade = { mode: "lines", hoverinfo: "skip", fill: "toself", fillcolor: look("shade"), line: { width: 0 },
    x: [rx, first[0], ...cx, last[0], rx], y: [ry, first[1], ...cy, last[1], ry] };
  return [shade, line];
}

export function baselines(study, { x, y }) {
  const mark = MARKS.baseline;
  const some = study.baselines.filter((each) => baselineValue(study, each, y) !== null && (x === NUMBER || baselineValue(study, each, x) !== null));
  const trace = { mode: "markers", x: some.map((each) => (x === NUMBER ? 0 : baselineValue(study, each, x))), y: some.map((each) => baselineValue(study, each, y)), customdata: some.map((each) => each.name),
    marker: { symbol: mark.symbol, size: mark.size, color: look(mark.colour), line: { width: 1, color: look("page") } } };
  const errorOf = (each) => (scoresOf(study) === "test" ? each.test_stderr : each.stderr);
  if (selected().bars !== "none") {
    trace.error_y = bars(some.map((each) => errorOf(each)?.[y]), look("soft"));
    if (x !== NUMBER) trace.error_x = bars(some.map((each) => errorOf(each)?.[x]), look("soft"));
  }
  return trace;
}
