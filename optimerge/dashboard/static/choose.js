/** Sliders for what a person wants; the choice on the front follows. */

import { api } from "./api.js";
import { calm, el, fill, say } from "./dom.js";
import { called, titled, valued } from "./format.js";
import { markChosen } from "./front.js";
import { choose, selected } from "./state.js";

/** @type {?AbortController} */
let asking = null;
let made = "";

/** @param {string} text such as a=0.5,b=1 @returns {Object<string, number>} */
function pairs(text) {
  return Object.fromEntries(text.split(",").filter(Boolean).map((each) => { const at = each.lastIndexOf("="); return [each.slice(0, at), Number(each.slice(at + 1))]; }));
}

const weightsOf = (study) => {
  const found = selected().how.startsWith("weights:") ? pairs(selected().how.slice(8)) : {};
  return Object.fromEntries(study.objectives.map((each) => [each.name, found[each.name] ?? (selected().how.startsWith("weights:") ? 0 : 0.5)]));
};

function ends(study, name) {
  const values = study.of("front").concat(study.of("dominated")).map((at) => study.value(at, name)).filter((value) => value !== null);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}

async function ask(study, place) {
  const weights = weightsOf(study), limits = pairs(selected().limits);
  const how = selected().how && !selected().how.startsWith("weights:") ? selected().how
    : Object.values(weights).some((each) => each > 0) ? `weights:${Object.entries(weights).filter(([, weight]) => weight > 0).map(([name, weight]) => `${name}=${weight}`).join(",")}` : "knee";
  asking?.abort();
  asking = new AbortController();
  try {
    const found = await api.choose(selected().run, how, Object.entries(limits).map(([name, value]) => [study.up(name) > 0 ? "at_least" : "at_most", name, value]), asking.signal);
    if (found.error) { markChosen(""); fill(place, el("p", { class: "bad" }, found.error)); return; }
    markChosen(found.trial);
    const name = called(found.trial), why = found.reason.startsWith(`${name}: `) ? found.reason.slice(name.length + 2) : found.reason;
    fill(place, el("p", { class: "lead" }, el("strong", {}, name), why ? `: ${why}` : ""),
      el("button", { type: "button", "data-key": "take", onclick: () => choose({ trial: found.trial }) }, `Show ${called(found.trial)}`));
    say(`${called(found.trial)} is chosen`);
  } catch (error) {
    if (error.name !== "AbortError") { markChosen(""); fill(place, el("p", { class: "bad" }, error.message)); }
  }
}

function slider(label, given, shown, oninput) {
  const out = el("output", {}, shown(given.value));
  return el("label", { class: "slider" }, el("span", {}, label), el("input", { type: "range", ...given, "data-key": `slide:${given.key}`, "aria-label": `${label}${given.what}`, oninput: (event) => { const value = Number(event.target.value); out.textContent = shown(value); oninput(value); } }), out);
}

/** @param {HTMLElement} host @param {import("./study.js").Study} study */
export function drawChoose(host, study) {
  const key = `${selected().run} ${study.objectives.map((each) => each.name).join(" ")}`;
  const answer = host.querySelector("#choice") ?? el("div", { id: "choice", "aria-live": "polite" });
  if (!study.of("front").length) { made = ""; host.replaceChildren(el("h2", {}, "Choose"), el("p", { class: "soft" }, "No merge is on the front: there is nothing to choose from.")); return; }
  const again = calm(() => ask(study, answer), 25);
  if (made === key && host.contains(answer)) { again(); return; }  // a hand may be on a slider
  made = key;
  const sliders = (change) => (name, value) => { change(name, value); again(); };
  const weigh = sliders((name, value) => choose({ how: `weights:${Object.entries({ ...weightsOf(study), [name]: value }).map(([each, weight]) => `${each}=${weight}`).join(",")}` }, false));
  const limit = sliders((name, value) => {
    const next = { ...pairs(selected().limits) }, [low, high] = ends(study, name);
    if (study.up(name) > 0 ? value <= low : value >= high) delete next[name]; else next[name] = Number(value.toPrecision(5));
    choose({ limits: Object.entries(next).map(([each, bound]) => `${each}=${bound}`).join(",") }, false);
  });
  const weights = weightsOf(study), limits = pairs(selected().limits);
  const quick = [["knee", "Knee"], ["mean", "Best mean"], ...study.objectives.map((each) => [`best:${each.name}`, `Best ${each.name}`])];
  fill(host, el("h2", {}, "Choose"), el("p", { class: "soft" }, "By search scores; ☆ marks the choice on the front. Test scores are no part of it: choosing by them would use them up."), answer,
    el("div", { class: "chips" }, quick.map(([how, text]) => el("button", { type: "button", class: "chip", "data-key": `how:${how}`, onclick: () => { choose({ how }, false); again(); } }, text))),
    el("div", { class: "sliders" },
      el("div", {}, el("h3", {}, "How much each counts"), study.objectives.map((each) => slider(titled(each), { min: 0, max: 1, step: 0.05, value: weights[each.name], key: `weight:${each.name}`, what: ", weight" }, (value) => Number(value).toFixed(2), (value) => weigh(each.name, value)))),
      el("div", {}, el("h3", {}, "What it must keep"), study.objectives.map((each) => {
        const [low, high] = ends(study, each.name), up = study.up(each.name) > 0, loose = up ? low : high;
        return slider(titled(each), { min: low, max: high, step: (high - low) / 100 || "any", value: limits[each.name] ?? loose, key: `limit:${each.name}`, what: up ? ", at least" : ", at most" },
          (value) => (up ? Number(value) <= low : Number(value) >= high - 1e-12) ? "any" : `${up ? "≥" : "≤"} ${valued(Number(value), study.digits(each.name))}`, (value) => limit(each.name, value));
      }))));
  again();
}

/** Forget the sliders, so that they are made again. */
export function forget() {
  made = "";
}
