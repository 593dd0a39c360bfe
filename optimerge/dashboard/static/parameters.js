/** Parameters: parallel coordinates, what matters, slices. */

import { api } from "./api.js";
import { columns, strip } from "./bars.js";
import { inside, ranges } from "./brush.js";
import { calm, el, fill, select } from "./dom.js";
import { percent, titled } from "./format.js";
import { mini } from "./minis.js";
import { drawParallel } from "./parallel.js";
import { choose, selected } from "./state.js";

const MOST = 12;
const importances = { run: "", version: -1, found: null, trouble: "", busy: false };

function shares(rows) {
  const most = Math.max(...rows.map((each) => each.share ?? 0), 1e-9);
  return el("div", { class: "stages" }, rows.slice(0, MOST).map((each) => [el("span", { title: each.parameter ?? each.name }, each.parameter ?? each.name),
    strip((each.share ?? 0) / most),
    el("span", { class: "number" }, percent(each.share)), el("span", {})]), rows.length > MOST ? el("span", { class: "soft" }, `and ${rows.length - MOST} more`) : null);
}

function importance(study) {
  const { found, trouble } = importances;
  if (trouble) return el("p", { class: "bad" }, trouble);
  if (!found) return el("p", { class: "soft" }, "Working out what matters…");
  return el("div", { class: "cards wide-cards" }, study.objectives.map((each) => {
    const of = found[each.name];
    const parents = of?.parents?.filter((one) => one.share !== null) ?? [];
    return el("div", { class: "card" }, el("h3", {}, titled(each)), of?.weights?.length ? shares(of.weights) : el("p", { class: "soft" }, of?.reason || "Nothing is known yet."),
      parents.length ? [el("h4", {}, "By parent"), shares(parents)] : null,
      of?.layers?.some((share) => share !== null) ? [el("h4", {}, "By layer"), columns(of.layers, percent)] : null);
  }));
}

async function fetchImportance(study, again) {
  const { run } = selected();
  // parents of many trials cost the server seconds: asked again when a tenth has been added
  if (importances.busy || (importances.run === run && study.size < 1.1 * importances.version + 1)) return;
  if (importances.run !== run) Object.assign(importances, { found: null, trouble: "" });
  Object.assign(importances, { run, version: study.size, busy: true });
  try {
    const found = await api.importance(run);
    if (importances.run === run) Object.assign(importances, { found, trouble: "" });
  } catch (error) {
    if (importances.run === run) importances.trouble = error.message;
  }
  importances.busy = false;
  again();
}

function slices(study) {
  const name = study.objective(selected().slice)?.name ?? study.objectives[0].name;
  const at = ["infeasible", "dominated", "front"].flatMap((kind) => study.of(kind));
  const brushed = inside(study, ranges(selected().brush));
  const ranked = [...study.parameters()];
  const order = importances.found?.[name]?.weights?.map((each) => each.parameter) ?? [];
  ranked.sort((a, b) => (order.indexOf(a) + 1 || 999) - (order.indexOf(b) + 1 || 999));
  const namesOf = (parameter) => [...new Set(study.columns.params[parameter].filter((each) => each !== null && typeof each !== "number").map(String))].sort();
  const column = (parameter) => {
    const values = study.columns.params[parameter], names = namesOf(parameter);
    return at.map((each) => { const value = values[each]; return value === null || value === undefined ? null : typeof value === "number" ? value : names.indexOf(String(value)); });
  };
  return [el("div", { class: "controls" }, select("Objective", study.objectives.map((each) => [each.name, titled(each)]), name, (slice) => choose({ slice }, false))),
    el("div", { class: "minis" }, ranked.slice(0, MOST).map((parameter) => mini({ x: column(parameter), y: at.map((each) => study.value(each, name)), strong: at.map((each) => study.kinds[each] === "front"),
      dim: at.map((each) => Boolean(brushed) && !brushed[each]), names: namesOf(parameter).length ? namesOf(parameter) : null, xname: parameter, yname: titled(study.objective(name)) })))];
}

/** After the lines and the front have followed the hand. */
const later = calm((work) => work(), 160);

/** @param {HTMLElement} host @param {import("./study.js").Study} study */
export function drawParameters(host, study) {
  if (!host.querySelector("#parallel")) host.replaceChildren(el("h2", {}, "Parameters"), el("div", { id: "parallel" }), el("h2", {}, "What matters"), el("div", { id: "importance" }), el("h2", {}, "Slices"), el("div", { id: "slices" }));
  const enough = study.parameters().length && ["front", "dominated", "infeasible"].some((kind) => study.of(kind).length);
  if (!enough) { host.replaceChildren(el("h2", {}, "Parameters"), el("p", { class: "soft" }, study.size ? "No trial that was scored differs in its parameters." : "Nothing was tried yet.")); return; }
  drawParallel(host.querySelector("#parallel"), study);
  const rest = () => { const place = host.querySelector("#importance"); if (!place) return; fill(place, importance(study)); fill(host.querySelector("#slices"), slices(study)); };
  later(rest);
  fetchImportance(study, rest);
}
