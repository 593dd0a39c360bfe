/** The top of the page: which run, how far it is, which view. */

import { el, fill } from "./dom.js";
import { duration, valued } from "./format.js";
import { left } from "./progress.js";
import { choose, selected } from "./state.js";

const VIEWS = [["front", "Front"], ["progress", "Progress"], ["parameters", "Parameters"], ["choose", "Choose"], ["compare", "Runs"]];

function tile(name, value, title) {
  return el("div", { class: "tile", title: title ?? null }, el("span", { class: "soft" }, name), el("b", {}, value));
}

/** @param {{runs: any[], summary: any, study: any, run: string}} seen */
export function drawHead({ runs, summary, study, history, run }) {
  const box = document.getElementById("run"), key = runs.map((each) => `${each.id}${each.name}`).join();
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.replaceChildren(...runs.map((each) => el("option", { value: each.id }, each.name)));
    box.onchange = () => choose({ run: box.value, trial: "", pin: "", brush: "", x: "", y: "", colour: "", slice: "", how: "", limits: "" });
  }
  box.value = run;
  box.disabled = runs.length < 2;
  const state = document.getElementById("state"), running = summary?.activity.running;
  state.textContent = !summary ? "" : running ? "running" : summary.tested ? "tested" : "at rest";
  state.className = `pill ${running ? "on" : ""}`;
  document.title = summary ? `${summary.name} · optimerge` : "optimerge";
  if (!summary) return;
  const ended = ["complete", "failed", "pruned"].reduce((sum, each) => sum + (summary.states[each] ?? 0), 0), { goal } = summary.activity;
  const rest = left(summary), failed = summary.states.failed ?? 0;
  fill(document.getElementById("tiles"), tile("trials", goal && running ? `${ended} of ${goal}` : String(ended), `${Object.entries(summary.states).map(([name, count]) => `${count} ${name}`).join(", ")}; parents included`), failed ? tile("failed", String(failed)) : null,
    tile("on the front", String(study ? study.of("front").length : 0), "parents not counted"),
    tile("hypervolume", valued(summary.hypervolume ?? history?.hypervolume?.at(-1) ?? null, 3), "in units of the parents' range"),
    summary.activity.seconds_per_trial ? tile("a trial", duration(summary.activity.seconds_per_trial)) : null, rest === null || rest <= 0 ? null : tile("left", duration(rest)));
}

/** @param {{runs: any[]}} seen */
export function drawViews({ runs }) {
  const host = document.getElementById("views"), { view } = selected();
  fill(host, VIEWS.filter(([name]) => name !== "compare" || runs.length > 1 || view === "compare").map(([name, text]) =>
    el("button", { type: "button", "data-key": `view:${name}`, "aria-current": name === view ? "page" : null, onclick: () => choose({ view: name }) }, text)));
}
