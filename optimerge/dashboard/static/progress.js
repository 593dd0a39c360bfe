/** How the search goes: hypervolume, bests, rate, states, stages, failures. */

import { bests } from "./bests.js";
import { choices, el, fill, look, table } from "./dom.js";
import { called, clock, counted, duration, valued } from "./format.js";
import { MARKS, glyph } from "./marks.js";
import { axis, draw } from "./plot.js";
import { stages } from "./stages.js";
import { choose } from "./state.js";

let over = "trials";

/** Seconds that the search will still take, by its rate and its hour. @param {any} summary */
export function left(summary) {
  const { left: byRate, ends, running } = summary.activity;
  if (!running) return null;
  const some = [];
  if (byRate !== null) some.push(byRate);
  if (ends) some.push(Math.max(0, (new Date(ends) - Date.now()) / 1000));
  return some.length ? Math.min(...some) : null;
}

function states(summary) {
  const some = Object.entries(summary.states).filter(([, count]) => count);
  return el("ul", { class: "legend" }, some.map(([state, count]) => el("li", {}, glyph(state === "complete" ? "front" : MARKS[state] ? state : "dominated"), `${state === "pruned" ? "raced out" : state} ${count}`)));
}

function doing(working) {
  if (!working.length) return "at work";
  return working.map((each) => `${called(each.name)}${each.since ? ` for ${duration((Date.now() - new Date(each.since)) / 1000)}` : ""}`).join(", ");
}

function now(summary) {
  const { activity } = summary, rest = left(summary), { tokens_per_second: tokens, waiting } = activity;
  const ended = ["complete", "failed", "pruned"].reduce((sum, each) => sum + (summary.states[each] ?? 0), 0);
  const rows = [["now", activity.running ? doing(activity.now) : "no search is at work"], ["trials ended", activity.goal ? `${ended} of ${activity.goal}` : String(ended)], ["rate", activity.seconds_per_trial ? `${duration(activity.seconds_per_trial)} a trial, the median of the last ones` : "–"],
    ...(tokens ? [["device", `reads ${counted(Math.round(tokens))} tokens a second for log-likelihoods${typeof waiting === "number" ? `; stands idle ${duration(waiting)} before a trial` : ""}`]] : []),
    ...(activity.running ? [["time left", rest === null ? "–" : rest <= 0 ? "its time is up" : `about ${duration(rest)}`], ...(activity.ends ? [["time is up at", clock(activity.ends)]] : [])] : []), ["last trial ended", clock(activity.last_end)]];
  return el("dl", { class: "facts" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
}

function curve(place, history, run) {
  const x = over === "hours" ? history.hours : history.trial.map((_, at) => at + 1);
  draw(place, [{ mode: "lines", line: { shape: "hv", color: look("blue"), width: 2 }, x, y: history.hypervolume, told: (at) => `${called(history.trial[at])}: hypervolume ${valued(history.hypervolume[at], 3)}` }],
    { uirevision: `${run} ${over}`, xaxis: axis(over === "hours" ? "hours" : "trials ended, parents first"), yaxis: axis("hypervolume", { rangemode: "tozero" }) });
}

/** @param {HTMLElement} host */
export async function drawProgress(host, study, summary, history) {
  if (!host.querySelector("#curve")) host.replaceChildren(el("div", { id: "progress-top" }), el("h2", {}, "Hypervolume"), el("div", { id: "over" }), el("div", { id: "curve", class: "plot low" }), el("div", { id: "progress-rest" }));
  const again = () => drawProgress(host, study, summary, history);
  fill(host.querySelector("#progress-top"), el("div", { class: "pair" }, el("div", {}, el("h2", {}, "Now"), now(summary), states(summary)), stages(summary.stages ?? [])));
  const any = history?.trial?.length;
  host.querySelector("#curve").hidden = !any;
  fill(host.querySelector("#over"), any ? choices("Over", [["trials", "by trials"], ["hours", "by hours"]], over, (each) => { over = each; again(); }) : el("p", { class: "soft" }, history ? "It begins with the first trial that is scored." : "Reading how it went…"));
  const failures = summary.failures ?? [];
  fill(host.querySelector("#progress-rest"), any ? [el("h2", {}, "Best so far"), bests(study, history)] : null,
    failures.length ? [el("h2", {}, "Why trials failed"), table(["Times", "Reason"], failures.map((each) => [String(each.count), each.reason]), { scroll: "failures", label: "Failures" })] : null,
    failures.length ? el("button", { type: "button", class: "link", onclick: () => choose({ view: "front" }) }, "The failed trials are listed under the front.") : null);
  if (any) curve(host.querySelector("#curve"), history, summary.id);
}
