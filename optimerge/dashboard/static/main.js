/** The page: reads what changed every two seconds and draws what is selected. */

import { api } from "./api.js";
import { drawChoose, forget } from "./choose.js";
import { drawCompare } from "./compare.js";
import { drawDetail } from "./detail.js";
import { calm, el, fill } from "./dom.js";
import { drawFront, mark } from "./front.js";
import { drawTable, markRow } from "./fronttable.js";
import { drawHead, drawViews } from "./head.js";
import { jumps } from "./jump.js";
import { drawParameters } from "./parameters.js";
import { drawProgress } from "./progress.js";
import { choose, onChange, selected } from "./state.js";
import { Study } from "./study.js";
import { themes } from "./theme.js";
import { axesOf } from "./traces.js";
import { drawVerdict } from "./verdict.js";

const EVERY = 2000, SURE_EVERY = 30000;
const place = (name) => document.getElementById(name);
const WITH_FRONT = new Set(["front", "parameters", "choose"]);

/** What was read last. */
const seen = { runs: [], summary: null, study: null, history: null, run: "", sure: 0 };

/** Say what is wrong, or that nothing is. @param {string} text */
function trouble(text) {
  place("trouble").hidden = !text;
  if (place("trouble").textContent !== text) place("trouble").textContent = text;
}

/** The place of a view, made anew when another is looked at. @param {string} view */
function placeOf(view) {
  const host = place("view");
  if (host.dataset.view !== view || host.dataset.run !== seen.run) { forget(); host.replaceChildren(); host.dataset.view = view; host.dataset.run = seen.run; host.scrollTop = 0; }
  host.setAttribute("aria-label", view);
  return host;
}

/** Draw everything that is looked at. */
async function draw() {
  const { study, summary, history } = seen, { view } = selected();
  drawHead(seen);
  drawViews(seen);
  document.body.dataset.view = view;
  place("front").hidden = !WITH_FRONT.has(view);
  const host = placeOf(view);
  if (view === "compare") { await drawCompare(host, seen.runs); return; }
  if (!study || !summary) { host.replaceChildren(el("p", { class: "soft" }, "Reading the run…")); return; }
  if (view === "choose") drawChoose(host, study);  // the server answers while the picture is drawn
  if (WITH_FRONT.has(view)) await drawFront(place("front"), study, summary);
  if (view === "front") { if (host.querySelector("#fronttable")) below(host); else drawBelow(host); }
  if (view === "progress") await drawProgress(host, study, summary, history);
  if (view === "parameters") drawParameters(host, study);
}

/** Below the front: what a test says of it, and both as tables. @param {HTMLElement} host */
function drawBelow(host) {
  if (!host.querySelector("#fronttable")) host.replaceChildren(el("div", { id: "verdict" }), el("div", { class: "below" }, el("div", { id: "fronttable" }), el("div", { id: "tested" })));
  const part = (name) => host.querySelector(`#${name}`);
  host.dataset.tabled = tabled();
  drawVerdict(part("verdict"), part("tested"), seen.summary);
  drawTable(part("fronttable"), seen.study);
}

/** What the tables show. */
const tabled = () => [seen.run, seen.study.version, seen.sure, seen.summary.tested, axesOf(seen.study).x, selected().scores].join();
/** The tables once more where they changed, after the picture has followed the hand. */
const below = calm((host) => { if (selected().view === "front" && host.querySelector("#fronttable") && host.dataset.tabled !== tabled()) drawBelow(host); }, 60);

/** How sure the front is: it takes the server seconds, so it is asked rarely and told later. */
async function sure() {
  const { run } = seen;
  if (!seen.study || Date.now() - seen.sure < SURE_EVERY) { if (seen.study) seen.study.chances = seen.chances ?? {}; return; }
  seen.sure = Date.now();
  try {
    const found = await api.certainty(run);
    if (seen.run !== run) return;
    seen.chances = found.p_front;
    seen.study.chances = found.p_front;
    if (selected().view === "front") drawBelow(placeOf("front"));
  } catch { /* no probability is shown; the next reading says what is wrong */ }
}

/** Read what changed. @returns {Promise<boolean>} whether anything did */
async function read() {
  if (!seen.runs.length || selected().view === "compare") seen.runs = await api.runs();
  const first = seen.runs.find((each) => !each.error) ?? seen.runs[0];
  if (!first) { trouble("The dashboard was started without a run."); return false; }
  const run = seen.runs.some((each) => each.id === selected().run) ? selected().run : first.id;
  if (seen.run !== run) Object.assign(seen, { run, summary: null, study: null, history: null, sure: 0, chances: {} });
  if (selected().run !== run) choose({ run }, false);
  const [summary, columns] = await Promise.all([api.summary(run), api.trials(run, seen.study?.version)]);
  if (seen.run !== run) return false;
  const alive = seen.summary?.activity.running !== summary.activity.running;
  if (columns) {
    seen.study = new Study(columns, summary.objectives, [...(summary.watched ?? []), ...(summary.reported ?? [])]);
    seen.study.chances = seen.chances ?? {};
  }
  seen.summary = summary;
  return Boolean(columns) || alive;
}

/** How it went so far: of thousands of trials that takes the server a moment, and the front does not wait for it. */
async function grown() {
  const { run, study } = seen;
  if (!study || seen.history?.version === study.version) return;
  try {
    const history = await api.history(run);
    if (seen.run !== run) return;
    seen.history = history;
    drawHead(seen);
    if (selected().view === "progress") await draw();
  } catch { /* the curve stays as it was; the next reading says what is wrong */ }
}

let reading = false, timer = 0;
/** Read, draw if anything changed, and again in two seconds. */
async function turn() {
  if (reading) return;
  reading = true;
  clearTimeout(timer);
  try {
    const changed = await read();
    trouble("");
    if (changed) { await draw(); await drawDetail(place("detail"), seen.study, true); sure(); grown(); }
    else { drawHead(seen); if (selected().view === "progress" && seen.summary?.activity.running) await draw(); }
  } catch (error) {
    trouble(`${error.message} Trying again.`);
  }
  reading = false;
  timer = setTimeout(turn, document.hidden ? 5 * EVERY : EVERY);
}

onChange(async (now, changed) => {
  const has = (...names) => names.some((name) => changed.has(name));
  if (has("run") && now.run !== seen.run) { reading = false; await turn(); return; }
  if (has("trial", "pin")) {
    if (WITH_FRONT.has(now.view) && !has("view")) { mark(seen.study); markRow(place("view")); }
    drawDetail(place("detail"), seen.study);
  }
  if (has("view", "x", "y", "colour", "scores", "kind", "brush", "bars", "runs", "slice") || (has("trial") && now.view === "parameters")) {
    await draw();
    if (has("view") && now.view === "compare") turn();
  }
});

themes(place("theme"), draw);
place("skip").addEventListener("click", (event) => { event.preventDefault(); place("main").focus(); });
addEventListener("keydown", (event) => { if (event.key === "Escape" && selected().trial && !event.target.closest?.("select, input")) choose({ trial: "" }); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
let width = innerWidth, resized = 0;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; clearTimeout(resized); resized = setTimeout(draw, 150); } });
fill(place("view"), el("p", { class: "soft" }, "Reading the run…"));
jumps(place("detail"), () => selected().trial);
turn();
drawDetail(place("detail"), null);
