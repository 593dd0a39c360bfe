/** Several runs: the list, their fronts and hypervolumes in one picture. */

import { api } from "./api.js";
import { el, fill, look, select, table } from "./dom.js";
import { called, clock, titled, valued } from "./format.js";
import { axis, draw, narrow } from "./plot.js";
import { choose, selected } from "./state.js";

const COLOURS = ["blue", "orange", "green", "purple", "red", "sky"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
let turn = 0;

const names = (run) => (run.objectives ?? []).map((each) => `${each.name} ${each.direction}`).join(", ");

/** Runs of the address, else those with the objectives of the run that is shown. */
function wanted(runs) {
  const asked = selected().runs.split(",").filter((id) => runs.some((each) => each.id === id));
  if (asked.length) return asked;
  const here = runs.find((each) => each.id === selected().run) ?? runs[0];
  return runs.filter((each) => !each.error && each.trials && names(each) === names(here)).slice(0, COLOURS.length).map((each) => each.id);
}

function list(runs, on) {
  return table(["", "Run", "Trials", "State", "Changed", "Objectives"], runs.map((run) => [
    el("input", { type: "checkbox", "aria-label": `Compare ${run.name}`, "data-key": `compare:${run.id}`, checked: on.includes(run.id), onchange: (event) => choose({ runs: (event.target.checked ? [...on, run.id] : on.filter((id) => id !== run.id)).join(",") }, false) }),
    el("button", { type: "button", class: "link", "data-key": `open:${run.id}`, onclick: () => choose({ run: run.id, view: "front", trial: "", pin: "", brush: "", x: "", y: "", colour: "" }) }, run.name),
    String(run.trials), run.error || (run.running ? "running" : "at rest"), clock(run.changed), (run.objectives ?? []).map(titled).join(", ")]), { scroll: "runs", label: "Runs" });
}

/** @param {HTMLElement} host @param {any[]} runs of /api/runs */
export async function drawCompare(host, runs) {
  if (!host.querySelector("#compare-list")) host.replaceChildren(el("h2", {}, "Runs"), el("div", { id: "compare-list" }), el("div", { id: "compare-trouble" }), el("div", { id: "compare-axes" }), el("div", { id: "compare-key" }),
    el("div", { class: "pair" }, el("div", {}, el("h2", {}, "Fronts"), el("div", { id: "compare-front", class: "plot low" })), el("div", {}, el("h2", {}, "Hypervolume"), el("div", { id: "compare-volume", class: "plot low" }))));
  const part = (name) => host.querySelector(`#compare-${name}`), on = wanted(runs), mine = ++turn;
  fill(part("list"), list(runs, on));
  const hide = (why) => { for (const each of ["front", "volume"]) part(each).hidden = true; fill(part("key")); fill(part("axes")); fill(part("trouble"), el("p", { class: why.bad ? "bad" : "soft" }, why.text)); };
  if (!on.length) return hide({ text: "Tick a run." });
  let found;
  try { found = await api.compare(on); } catch (error) { return hide({ bad: true, text: error.message }); }
  if (mine !== turn || !host.contains(part("list"))) return;
  if (found.error) return hide({ bad: true, text: found.error });
  fill(part("trouble"), found.same_corner === false ? el("p", { class: "soft" }, "The hypervolumes are measured from different corners: each curve tells of its own run only.") : null);
  for (const each of ["front", "volume"]) part(each).hidden = false;
  const objectives = found.objectives.map((each) => each.name), single = objectives.length < 2;
  const x = objectives.includes(selected().x) ? selected().x : objectives[0];
  const y = objectives.includes(selected().y) && selected().y !== x ? selected().y : objectives.find((each) => each !== x) ?? x;
  const place = (run) => found.runs.findIndex((each) => each.id === run.id) % COLOURS.length;
  fill(part("key"), el("ul", { class: "legend" }, found.runs.map((run) => el("li", {}, el("span", { class: `swatch ${COLOURS[place(run)]}`, "aria-hidden": "true" }, "●■◆▲✚★"[place(run)]), run.name))));
  const options = found.objectives.map((each) => [each.name, titled(each)]), say = (name) => titled(found.objectives.find((each) => each.name === name));
  fill(part("axes"), single ? null : el("div", { class: "controls" }, select("Across", options, x, (each) => choose({ x: each, y: each === y ? x : y })), select("Up", options, y, (each) => choose({ y: each, x: each === x ? y : x }))));
  draw(part("front"), found.runs.map((run) => ({ mode: "markers", x: single ? run.front.name.map((_, at) => at + 1) : run.front.scores[x], y: run.front.scores[y],
    told: (at) => `${run.name}: ${called(run.front.name[at])}, ${single ? "" : `${valued(run.front.scores[x][at], 3)}, `}${valued(run.front.scores[y][at], 3)}`, marker: { color: look(COLOURS[place(run)]), symbol: SYMBOLS[place(run)], size: narrow() ? 8 : 9, opacity: 0.85 } })),
  { uirevision: `${on} ${x} ${y}`, xaxis: axis(single ? "on the front" : say(x)), yaxis: axis(say(y)) });
  draw(part("volume"), found.runs.map((run) => ({ mode: "lines", line: { shape: "hv", width: 2, color: look(COLOURS[place(run)]), dash: DASHES[place(run)] }, x: run.history.trial.map((_, at) => at + 1), y: run.history.hypervolume, told: (at) => `${run.name}, after ${at + 1}: ${valued(run.history.hypervolume[at], 3)}` })),
    { uirevision: `${on}`, xaxis: axis("trials ended, parents first"), yaxis: axis("hypervolume", { rangemode: "tozero" }) });
}
