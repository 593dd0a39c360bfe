/** One trial whole: what it is, how it scores beside the parents, what to paste. */

import { api } from "./api.js";
import { el, fill, say } from "./dom.js";
import { called, counted, cut, duration, likeness, percent } from "./format.js";
import { differences } from "./diff.js";
import { items } from "./items.js";
import { layers } from "./layers.js";
import { scores } from "./scores.js";
import { choose, selected } from "./state.js";
import { copyButton, recipe } from "./text.js";

let showing = "";
let version = -1;
/** What is shown, until the objectives are known with which it is drawn again. @type {any} */
let early = null;
/** @type {?import("./study.js").Study} */
let latest = null;
/** @type {?AbortController} */
let asking = null;

/** Show what is selected, or nothing. @param {HTMLElement} host @param {?import("./study.js").Study} study @param {boolean} [again] */
export async function drawDetail(host, study, again = false) {
  latest = study ?? latest;
  const { run, trial, pin } = selected(), key = `${run} ${trial} ${pin}`;
  if (!trial) { host.hidden = true; showing = ""; asking?.abort(); host.replaceChildren(); document.body.classList.remove("with-detail"); return; }
  if (key === showing && early && study) { fill(host, head(trial, pin), body(early, study)); early = null; return; }
  if (key === showing && !(again && version !== study?.version)) return;
  const same = key === showing;
  if (same && study?.kinds[study.index.get(trial)] !== "running") return;  // what has ended does not change
  showing = key;
  version = study?.version ?? -1;
  early = null;
  asking?.abort();
  asking = new AbortController();
  host.hidden = false;
  const baseline = study && !study.index.has(trial) ? study.baselines.find((each) => each.name === trial) : null;
  document.body.classList.add("with-detail");
  if (!same) { fill(host, head(trial, pin), el("p", { class: "soft" }, "Reading…")); }
  if (baseline) { fill(host, head(trial, pin), of(baseline, study)); say(`${trial} is selected`); return; }
  try {
    const found = await api.trial(run, trial, asking.signal);
    if (showing === key) {
      early = latest ? null : found; fill(host, head(trial, pin), body(found, latest)); if (!same) { host.scrollTop = 0; say(`${called(trial)} is selected`); } }
  } catch (error) {
    if (error.name === "AbortError" || showing !== key) return;
    const late = latest?.baselines.find((each) => each.name === trial);
    if (!latest) showing = "";  // a baseline perhaps: that is known when the run is read
    fill(host, head(trial, pin), late ? of(late, latest) : el("p", { class: "bad" }, error.message));
  }
}

function head(trial, pin) {
  const pinned = pin === trial;
  return el("div", { class: "detail-head" }, el("h2", { title: trial }, cut(called(trial), 34)),
    el("button", { type: "button", "data-key": "pin", "aria-pressed": String(pinned), title: "Other trials are then compared with this one", onclick: () => choose({ pin: pinned ? "" : trial }) }, pinned ? "Pinned" : "Pin"),
    el("button", { type: "button", class: "quiet", "data-key": "close", "aria-label": "Close", onclick: () => choose({ trial: "" }) }, "✕"));
}

function of(baseline, study) {
  const values = (from, errors) => Object.fromEntries(study.objectives.filter((each) => (from?.[each.name] ?? null) !== null).map((each) => [each.name, { value: from[each.name], stderr: errors?.[each.name], direction: each.direction }]));
  return [el("p", { class: "soft" }, baseline.about), scores({ name: baseline.name, scores: values(baseline.search, baseline.stderr), test: values(baseline.test, baseline.test_stderr), parents: [], best_baseline: null, comparisons: [] }, study)];
}

/** @param {string} title @param {boolean} open */
function section(title, open, ...inside) {
  return el("details", { class: "section", open, "data-key": `section:${title}` }, el("summary", { "data-key": `summary:${title}` }, title), ...inside);
}

function facts(found) {
  const rows = [["from", found.origin], ["state", found.state]];
  const broken = Object.keys(found.violations ?? {});
  if (broken.length) rows.push(["breaks", broken.join(", ")]);
  if (found.stats?.nonzero_share !== undefined && found.stats?.nonzero_share !== null) rows.push(["changed", `${percent(found.stats.nonzero_share)} of ${counted(found.stats.parameters)} parameters`]);
  const seconds = Object.entries(found.seconds ?? {}).filter(([stage, value]) => value > 0 && ["propose", "wait", "merge", "score"].includes(stage));
  if (seconds.length) rows.push(["took", seconds.map(([stage, value]) => `${stage} ${duration(value)}`).join(", ")]);
  return el("dl", { class: "facts" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
}

function parameters(found) {
  const rows = Object.entries(found.params ?? {});
  if (!rows.length) return null;
  const shown = likeness(rows.map(([, value]) => value));
  return section(`Parameters (${rows.length})`, false, el("dl", { class: "params" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, shown(value))])));
}

function commands(found) {
  const some = Object.values(found.commands ?? {}).filter(Boolean);
  if (!some.length || !found.recipe) return null;
  return section("To paste", true, some.map((text) => el("div", { class: "command" }, el("pre", { tabindex: "0" }, text), copyButton(text))));
}

function body(found, study) {
  const { pin } = selected(), tasks = found.tasks ?? [];
  return [found.note ? el("p", { class: "bad" }, found.note) : null, found.stopped ? el("p", { class: "soft" }, found.stopped) : null, found.error ? el("p", { class: "bad" }, found.error) : null, facts(found),
    Object.keys(found.scores ?? {}).length ? section("Scores", true, scores(found, study)) : null,
    found.recipe ? section("Recipe", true, recipe(found)) : null,
    found.layers?.length ? section("Layers", true, layers(found.layers, document.getElementById("detail").clientWidth)) : null,
    commands(found),
    pin && pin !== found.name ? section(`Against ${called(pin)}`, true, differences(found.name, pin)) : el("p", { class: "soft hint" }, pin ? "Select another trial to see what differs from this one." : "Pin a trial, then select another, to see what differs."),
    tasks.length && found.parents?.length ? section("Items won and lost", false, items(found, tasks)) : null,
    parameters(found)];
}
