/** The front: any two objectives, the third by colour, in 3-D or as a matrix; a click selects. */

import { inside, ranges } from "./brush.js";
import { choices, el, fill, look, say, select } from "./dom.js";
import { cut, literal, titled } from "./format.js";
import { placed } from "./labels.js";
import { MARKS, legend } from "./marks.js";
import { mini } from "./minis.js";
import { axis, draw, narrow, plotly } from "./plot.js";
import { choose, selected } from "./state.js";
import { hide, lines, show } from "./tip.js";

const NUMBER = "#";
const KINDS = ["dominated", "infeasible", "pruned", "front"];
/** Members whose error bars do not hide each other. */
const FEW = 60;
let chosen = "";
/** @type {?import("./study.js").Study} */
let shown = null;
let reference = {};
let drawn = "";

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

const scoresOf = (study) => (selected().scores === "test" && study.hasTest ? "test" : "search");

/** A loss, of which less is better, as a value of its objective. */
function corner(loss, objective) {
  return typeof loss !== "number" ? null : objective.direction === "minimize" ? loss : -loss;
}

function read(study, at, name) {
  return name === NUMBER ? study.columns.number[at] ?? at : study.value(at, name, scoresOf(study));
}

function baselineValue(study, each, name) {
  const from = scoresOf(study) === "test" ? each.test : each.search;
  return from?.[name] ?? null;
}

function bars(errors, colour) {
  return { type: "data", array: errors.map((each) => each ?? 0), visible: errors.some(Boolean), thickness: 1, width: 0, color: colour };
}

function points(study, kind, { x, y, colour }, brushed) {
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

function ring(study, kind, name, { x, y }) {
  const mark = MARKS[kind], at = study.index.get(name);
  const baseline = at === undefined ? study.baselines.find((each) => each.name === name) : null;
  const px = at !== undefined ? read(study, at, x) : baseline ? baselineValue(study, baseline, x) : null;
  const py = at !== undefined ? read(study, at, y) : baseline ? baselineValue(study, baseline, y) : null;
  const there = name && px !== null && py !== null;
  return { type: "scatter", mode: "markers", hoverinfo: "skip", x: there ? [px] : [], y: there ? [py] : [],
    marker: { symbol: mark.symbol, size: mark.size, color: look(mark.colour), line: { width: 2.5, color: look(mark.colour) } } };
}

function stairs(study, given) {
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

function baselines(study, { x, y }, place) {
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

/** Names by trace order, for what is marked after drawing. */
const RINGS = { selected: 7, pin: 8, chosen: 9 };

function title(study, name) {
  return name === NUMBER ? "trial" : `${literal(titled(study.objective(name)))}${scoresOf(study) === "test" ? " (test)" : ""}`;
}

async function flat(place, study) {
  const given = axesOf(study), now = selected();
  const brushed = inside(study, ranges(now.brush));
  const [shade, line] = stairs(study, given);
  const traces = [shade, line, ...KINDS.map((kind) => points(study, kind, given, brushed)), baselines(study, given, place),
    ring(study, "selected", now.trial, given), ring(study, "pin", now.pin, given), ring(study, "chosen", now.view === "choose" ? chosen : "", given)];
  const thirdTitle = given.colour ? literal(titled(study.objective(given.colour))) : "";
  await draw(place, traces, { uirevision: `${now.run} ${given.x} ${given.y} ${scoresOf(study)}`, xaxis: axis(title(study, given.x)), yaxis: axis(title(study, given.y)),
    ...(given.colour ? { coloraxis: { colorscale: "Viridis", colorbar: narrow() ? { orientation: "h", y: 1.02, yanchor: "bottom", thickness: 8, title: { text: thirdTitle, side: "top" } } : { thickness: 10, outlinewidth: 0, title: { text: thirdTitle, side: "right" } } } } : {}) });
}

async function solid(place, study) {
  const given = axesOf(study), names = study.objectives.map((each) => each.name);
  const z = given.colour || names.find((each) => each !== given.x && each !== given.y);
  const traces = KINDS.map((kind) => {
    const mark = MARKS[kind], at = study.of(kind).filter((each) => [given.x, given.y, z].every((name) => read(study, each, name) !== null));
    const symbol = { "square-open": "square-open", "triangle-down-open": "diamond-open" }[mark.symbol] ?? "circle";
    return { type: "scatter3d", mode: "markers", x: at.map((each) => read(study, each, given.x)), y: at.map((each) => read(study, each, given.y)), z: at.map((each) => read(study, each, z)),
      customdata: at.map((each) => study.columns.name[each]), hoverinfo: "none", marker: { symbol, size: kind === "front" ? 5 : 3, color: look(mark.colour), opacity: kind === "front" ? 1 : 0.35 } };
  });
  const known = study.baselines.filter((each) => [given.x, given.y, z].every((name) => baselineValue(study, each, name) !== null)), of = (name) => known.map((each) => baselineValue(study, each, name));
  traces.push({ type: "scatter3d", mode: "markers+text", x: of(given.x), y: of(given.y), z: of(z), text: known.map((each) => literal(cut(each.name, 26))), customdata: known.map((each) => each.name), hoverinfo: "none", textfont: { size: 11, color: look("ink") }, marker: { symbol: "diamond", size: 4, color: look("ink") } });
  const side = (name) => ({ title: { text: title(study, name) }, gridcolor: look("soft"), color: look("ink") });
  await draw(place, traces, { uirevision: `3d ${given.x} ${given.y} ${z}`, margin: { l: 0, r: 0, t: 0, b: 0 }, scene: { xaxis: side(given.x), yaxis: side(given.y), zaxis: side(z) } });
}

function matrix(study) {
  const names = study.objectives.map((each) => each.name), scores = scoresOf(study);
  const brushed = inside(study, ranges(selected().brush));
  const at = [...study.of("dominated"), ...study.of("front")];
  const column = (name) => at.map((each) => study.value(each, name, scores));
  const pairs = names.flatMap((y, row) => names.slice(0, row).map((x) => [x, y]));
  return el("div", { class: "minis" }, pairs.map(([x, y]) => mini({ x: column(x), y: column(y), strong: at.map((each) => study.kinds[each] === "front"), dim: at.map((each) => Boolean(brushed) && !brushed[each]),
    xname: titled(study.objective(x)), yname: titled(study.objective(y)), onpick: () => choose({ x, y, kind: "2d" }) })));
}

function controls(study) {
  const now = selected(), given = axesOf(study), names = study.objectives.map((each) => [each.name, titled(each)]);
  const kinds = [["2d", "Two"], ...(names.length > 2 ? [["3d", "3-D"], ["matrix", "All pairs"]] : [])];
  return el("div", { class: "controls" },
    select("Across", [...names, [NUMBER, "trial"]], given.x, (x) => choose({ x, y: x === given.y ? given.x : given.y })),
    select("Up", names, given.y, (y) => choose({ y, x: y === given.x ? given.y : given.x })),
    names.length > 2 ? select("Colour", [["none", "none"], ...names], given.colour || "none", (colour) => choose({ colour })) : null,
    select("Error bars", [["auto", "if few"], ["front", "of the front"], ["all", "of all"], ["none", "none"]], now.bars, (each) => choose({ bars: each })),
    kinds.length > 1 ? choices("Picture", kinds, now.kind, (kind) => choose({ kind })) : null,
    study.hasTest ? choices("Scores", [["search", "Search"], ["test", "Test"]], scoresOf(study), (scores) => choose({ scores })) : null);
}

function scoreless(study) {
  const at = study.kinds.flatMap((kind, each) => (["failed", "running", "waiting"].includes(kind) || (kind === "pruned" && study.value(each, study.objectives[0]?.name) === null) ? [each] : []));
  if (!at.length) return null;
  const last = at.slice(-60).reverse();
  return el("details", { "data-key": "scoreless" }, el("summary", { "data-key": "scoreless-summary" }, `${at.length} ${at.length === 1 ? "trial has" : "trials have"} no scores and no place in the picture`),
    el("div", { class: "chips" }, last.map((each) => el("button", { type: "button", class: "chip", "data-key": `none:${study.columns.name[each]}`, title: study.columns.error?.[each] ?? "", onclick: () => choose({ trial: study.columns.name[each] }) }, `${MARKS[study.kinds[each]].text} ${study.columns.name[each]}`)),
      at.length > last.length ? el("span", { class: "soft" }, `and ${at.length - last.length} before`) : null));
}

/** Walk along the front with the arrow keys. */
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || !shown) return;
  event.preventDefault();
  const given = axesOf(shown), along = shown.of("front").sort((a, b) => read(shown, a, given.x) - read(shown, b, given.x));
  if (!along.length) return;
  const at = along.indexOf(shown.index.get(selected().trial) ?? -1);
  const next = along[at < 0 ? (step > 0 ? 0 : along.length - 1) : (at + step + along.length) % along.length];
  choose({ trial: shown.columns.name[next] }, false);
  say(lines(shown, shown.columns.name[next]).filter(Boolean).map((each) => each.textContent).join(", "));
}

function listen(place) {
  if (place.dataset.listens) return;
  place.dataset.listens = "yes";
  place.on("plotly_hover", (event) => { const name = event.points[0]?.customdata; if (name !== undefined && shown) show(event.event, lines(shown, name)); });
  place.on("plotly_unhover", hide);
  place.on("plotly_click", (event) => { const name = event.points[0]?.customdata; if (name !== undefined) { hide(); choose({ trial: name }); } });
}

function skeleton(host) {
  if (host.dataset.made) return;
  host.dataset.made = "yes";
  host.replaceChildren(el("div", { id: "front-controls" }), el("div", { id: "front-empty", class: "empty", hidden: true }),
    el("div", { id: "front-plot", class: "plot", tabindex: "0", role: "application", "aria-label": "Scatter of the trials. Left and right arrow keys walk along the front; the table below has the numbers.", onkeydown: walk }), el("div", { id: "front-matrix", hidden: true }), el("div", { id: "front-legend" }));
}

const part = (name) => document.getElementById(`front-${name}`);

/** Draw the front of a study. @param {HTMLElement} host @param {?import("./study.js").Study} study @param {any} summary */
export async function drawFront(host, study, summary) {
  skeleton(host);
  shown = study;
  reference = Object.fromEntries((summary?.objectives ?? []).map((each, at) => [each.name, corner(summary.reference?.[at], each)]));
  const scored = study && [...study.of("front"), ...study.of("dominated"), ...study.of("infeasible"), ...study.of("pruned")].length + study.baselines.length > 0;
  part("empty").hidden = Boolean(scored);
  part("plot").hidden = !scored || selected().kind === "matrix";
  part("matrix").hidden = !scored || selected().kind !== "matrix";
  if (!study) return;
  fill(part("controls"), scored ? controls(study) : null);
  const failed = study.of("failed").length;
  if (!scored) part("empty").textContent = failed ? `No trial has scores: ${failed === 1 ? "the only one" : `all ${failed}`} failed. Progress tells why.` : "No trial has ended yet. Points appear here as they are scored.";
  const counts = ["front", "dominated", "infeasible", "pruned"].map((kind) => [kind, study.of(kind).length]).filter(([, count]) => count);
  const more = [...(study.baselines.length ? [["baseline", 0]] : []), ...(selected().trial ? [["selected", 0]] : []), ...(selected().pin ? [["pin", 0]] : []), ...(selected().view === "choose" ? [["chosen", 0]] : [])];
  fill(part("legend"), scored ? legend([...counts, ...more]) : null, scoreless(study));
  if (!scored) return;
  if (selected().kind === "matrix") { fill(part("matrix"), matrix(study)); return; }
  const place = part("plot"), kind = selected().kind === "3d" && study.objectives.length > 2 ? "3d" : "2d";
  if (drawn && drawn !== kind) { (await plotly()).purge(place); delete place.dataset.listens; }
  drawn = kind;
  await (kind === "3d" ? solid : flat)(place, study);
  listen(place);
}

/** Move the rings without drawing the points again. @param {import("./study.js").Study} study */
export async function mark(study) {
  const place = part("plot");
  if (!study || place.hidden || selected().kind !== "2d" || !place.data) return;
  const given = axesOf(study), now = selected();
  const names = { selected: now.trial, pin: now.pin, chosen: now.view === "choose" ? chosen : "" };
  const rings = Object.entries(names).map(([kind, name]) => ring(study, kind, name, given));
  await (await plotly()).restyle(place, { x: rings.map((each) => each.x), y: rings.map((each) => each.y) }, Object.values(RINGS));
}

/** What the sliders chose. @param {string} name */
export function markChosen(name) {
  chosen = name;
  if (shown) mark(shown);
}
