/** The front: any two objectives, the third by colour, in 3-D or as a matrix; a click selects. */

import { inside, ranges } from "./brush.js";
import { choices, el, fill, look, say, select } from "./dom.js";
import { cut, literal, titled } from "./format.js";
import { MARKS, legend } from "./marks.js";
import { matrix } from "./matrix.js";
import { save } from "./picture.js";
import { axis, draw, solid } from "./plot.js";
import { scoreless } from "./scoreless.js";
import { choose, selected } from "./state.js";
import { hide, lines, show } from "./tip.js";
import { again, follow, lay, layers, ringed } from "./over.js";
import { KINDS, NUMBER, axesOf, baselineValue, baselines, corner, crowds, names, points, read, ring, scoresOf, stairs } from "./traces.js";

let chosen = "";
/** @type {?import("./study.js").Study} */
let shown = null;
let reference = {};

/** What is marked, with rings. */
function rings(study) {
  const now = selected(), given = axesOf(study);
  return [["selected", now.trial], ["pin", now.pin], ["chosen", now.view === "choose" ? chosen : ""]].flatMap(([kind, name]) => ring(study, kind, name, given));
}

function title(study, name) {
  return name === NUMBER ? "trial" : `${titled(study.objective(name))}${scoresOf(study) === "test" ? " (test)" : ""}`;
}

/** The ends of the colours: those of what is coloured. */
function ends(study, name) {
  const known = [...study.of("front"), ...study.of("dominated")].map((at) => study.value(at, name, scoresOf(study))).filter((value) => value !== null);
  return known.length > 1 ? { cmin: Math.min(...known), cmax: Math.max(...known) } : {};
}

function flat(place, study) {
  const given = axesOf(study), now = selected();
  const brushed = inside(study, ranges(now.brush));
  const [shade, line] = stairs(study, given, reference);
  const traces = [shade, line, ...KINDS.map((kind) => points(study, kind, given, brushed)), baselines(study, given)];
  const scale = given.colour ? ends(study, given.colour) : {};
  lay({ crowds: crowds(study, given, brushed, scale), ...names(study, given), rings: rings(study) });
  draw(place, traces, { uirevision: `${now.run} ${given.x} ${given.y} ${scoresOf(study)}`, xaxis: axis(title(study, given.x)), yaxis: axis(title(study, given.y)),
    ...(given.colour ? { coloraxis: { ...scale, colorbar: { title: { text: titled(study.objective(given.colour)) } } } } : {}) }, save);
}

async function three(place, study) {
  const given = axesOf(study), all = study.objectives.map((each) => each.name);
  const z = given.colour || all.find((each) => each !== given.x && each !== given.y);
  const traces = KINDS.map((kind) => {
    const mark = MARKS[kind], at = study.of(kind).filter((each) => [given.x, given.y, z].every((name) => read(study, each, name) !== null));
    const symbol = { "square-open": "square-open", "triangle-down-open": "diamond-open" }[mark.symbol] ?? "circle";
    return { type: "scatter3d", mode: "markers", x: at.map((each) => read(study, each, given.x)), y: at.map((each) => read(study, each, given.y)), z: at.map((each) => read(study, each, z)),
      customdata: at.map((each) => study.columns.name[each]), hoverinfo: "none", marker: { symbol, size: kind === "front" ? 5 : 3, color: look(mark.colour), opacity: kind === "front" ? 1 : 0.35 } };
  });
  const known = study.baselines.filter((each) => [given.x, given.y, z].every((name) => baselineValue(study, each, name) !== null)), of = (name) => known.map((each) => baselineValue(study, each, name));
  traces.push({ type: "scatter3d", mode: "markers+text", x: of(given.x), y: of(given.y), z: of(z), text: known.map((each) => literal(cut(each.name, 26))), customdata: known.map((each) => each.name), hoverinfo: "none", textfont: { size: 11, color: look("ink") }, marker: { symbol: "diamond", size: 4, color: look("ink") } });
  const side = (name) => ({ title: { text: literal(title(study, name)) }, gridcolor: look("soft"), color: look("ink") });
  lay({});
  await solid(place, traces, { xaxis: side(given.x), yaxis: side(given.y), zaxis: side(z) }, `${given.x} ${given.y} ${z}`);
}

function controls(study) {
  const now = selected(), given = axesOf(study), all = study.objectives.map((each) => [each.name, titled(each)]);
  const kinds = [["2d", "Two"], ...(all.length > 2 ? [["3d", "3-D"], ["matrix", "All pairs"]] : [])];
  return el("div", { class: "controls" },
    select("Across", [...all, [NUMBER, "trial"]], given.x, (x) => choose({ x, y: x === given.y ? given.x : given.y })),
    select("Up", all, given.y, (y) => choose({ y, x: y === given.x ? given.y : given.x })),
    all.length > 2 ? select("Colour", [["none", "none"], ...all], given.colour || "none", (colour) => choose({ colour })) : null,
    select("Error bars", [["auto", "if few"], ["front", "of the front"], ["all", "of all"], ["none", "none"]], now.bars, (each) => choose({ bars: each })),
    kinds.length > 1 ? choices("Picture", kinds, now.kind, (kind) => choose({ kind })) : null,
    study.hasTest ? choices("Scores", [["search", "Search"], ["test", "Test"]], scoresOf(study), (scores) => choose({ scores })) : null);
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
  const point = (event) => { const name = event.points[0]?.customdata; if (name !== undefined && shown) show(event.event, lines(shown, name)); };
  const take = (event) => { const name = event.points[0]?.customdata; if (name !== undefined) { hide(); choose({ trial: name }); } };
  for (const [ours, plotlys, what] of [["point", "plotly_hover", point], ["leave", "plotly_unhover", hide], ["take", "plotly_click", take]]) place.on(place.chart ? ours : plotlys, what);
  if (place.chart) follow(place);
}

function skeleton(host) {
  if (host.dataset.made) return;
  host.dataset.made = "yes";
  host.replaceChildren(el("div", { id: "front-controls" }), el("div", { id: "front-empty", class: "empty", hidden: true }),
    layers(el("div", { id: "front-plot", class: "plot", tabindex: "0", role: "application", "aria-label": "Scatter of the trials. Left and right arrow keys walk along the front; the table below has the numbers.", onkeydown: walk })), el("div", { id: "front-solid", class: "plot", hidden: true }), el("div", { id: "front-matrix", hidden: true }), el("div", { id: "front-legend" }));
}

const part = (name) => document.getElementById(`front-${name}`);

/** Draw the front of a study. @param {HTMLElement} host @param {?import("./study.js").Study} study @param {any} summary */
export async function drawFront(host, study, summary) {
  skeleton(host);
  shown = study;
  reference = Object.fromEntries((summary?.objectives ?? []).map((each, at) => [each.name, corner(summary.reference?.[at], each)]));
  const scored = study && [...study.of("front"), ...study.of("dominated"), ...study.of("infeasible"), ...study.of("pruned")].length + study.baselines.length > 0;
  part("empty").hidden = Boolean(scored);
  const kind = study && study.objectives.length > 2 ? selected().kind : "2d";
  for (const [name, is] of [["plot", "2d"], ["solid", "3d"], ["matrix", "matrix"]]) part(name).hidden = !scored || (kind === is ? false : !(is === "2d" && !["3d", "matrix"].includes(kind)));
  if (!study) return;
  fill(part("controls"), scored ? controls(study) : null);
  const failed = study.of("failed").length;
  if (!scored) part("empty").textContent = failed ? `No trial has scores: ${failed === 1 ? "the only one" : `all ${failed}`} failed. Progress tells why.` : "No trial has ended yet. Points appear here as they are scored.";
  const counts = ["front", "dominated", "infeasible", "pruned"].map((kind) => [kind, study.of(kind).length]).filter(([, count]) => count);
  const more = [...(study.baselines.length ? [["baseline", 0]] : []), ...(selected().trial ? [["selected", 0]] : []), ...(selected().pin ? [["pin", 0]] : []), ...(selected().view === "choose" ? [["chosen", 0]] : [])];
  fill(part("legend"), scored ? legend([...counts, ...more]) : null, scoreless(study));
  if (!scored) return;
  if (!part("plot").hidden) { flat(part("plot"), study); listen(part("plot")); return; }
  lay({});
  again(part("plot"));
  if (kind === "matrix") { fill(part("matrix"), matrix(study)); return; }
  await three(part("solid"), study);
  listen(part("solid"));
}

/** Move the rings; nothing else is drawn. @param {import("./study.js").Study} study */
export function mark(study) {
  const place = part("plot");
  if (study && !place.hidden && place.frame) ringed(place, rings(study));
}

/** What the sliders chose. @param {string} name */
export function markChosen(name) {
  chosen = name;
  if (shown) mark(shown);
}
