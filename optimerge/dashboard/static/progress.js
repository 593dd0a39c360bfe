/** How the search goes: hypervolume, bests, rate, states, stages, failures. */

import { choices, el, fill, look, svg, table } from "./dom.js";
import { called, clock, counted, duration, plain, titled } from "./format.js";
import { MARKS, glyph } from "./marks.js";
import { axis, draw } from "./plot.js";
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

/** A line of the best value so far. */
function spark(values) {
  const wide = 240, high = 48, low = Math.min(...values), top = Math.max(...values);
  const x = (at) => (at / Math.max(1, values.length - 1)) * (wide - 8) + 4, y = (value) => high - 6 - ((value - low) / (top - low || 1)) * (high - 12);
  const d = values.map((value, at) => (at ? `H${x(at).toFixed(1)}V${y(value).toFixed(1)}` : `M${x(0)} ${y(value).toFixed(1)}`)).join("");
  return svg("svg", { class: "spark", viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", "aria-hidden": "true" }, svg("path", { d }));
}

function bests(study, history) {
  return el("div", { class: "cards" }, study.objectives.filter((each) => history.best?.[each.name]?.some((value) => value !== null)).map((each) => {
    const values = history.best[each.name].filter((value) => value !== null);
    return el("div", { class: "card" }, el("h3", {}, titled(each)), el("div", { class: "big" }, plain(values.at(-1))), spark(values), el("div", { class: "soft" }, `from ${plain(values[0])}`));
  }));
}

function stages(summary) {
  const some = (summary.stages ?? []).filter((each) => each.total > 0);
  if (!some.length) return null;
  const most = Math.max(...some.map((each) => each.mean));
  return [el("h2", {}, "Where the time goes"), el("div", { class: "stages" }, some.map((each) => [el("span", {}, each.stage),
    svg("svg", { class: "barbox", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: "bar own", x: 0, y: 1, width: Math.max(0.5, (100 * each.mean) / most), height: 8 })),
    el("span", { class: "number" }, duration(each.mean)), el("span", { class: "soft" }, `${duration(each.total)} in all`)])), el("p", { class: "soft" }, "Mean seconds of a trial; a proposal is made while the trial before is scored.")];
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
  const { activity } = summary, rest = left(summary);
  const rows = [["now", activity.running ? doing(activity.now) : "no search is at work"], ["rate", activity.seconds_per_trial ? `${duration(activity.seconds_per_trial)} a trial${activity.tokens_per_second ? `, ${counted(Math.round(activity.tokens_per_second))} tokens a second` : ""}` : "–"],
    ...(activity.running ? [["left", rest === null ? "–" : rest <= 0 ? "its time is up" : `about ${duration(rest)}`], ["time is up at", clock(activity.ends)]] : []), ["last trial ended", clock(activity.last_end)]];
  return el("dl", { class: "facts" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
}

async function curve(place, history, run) {
  const x = over === "hours" ? history.hours : history.trial.map((_, at) => at + 1);
  await draw(place, [{ type: "scatter", mode: "lines", line: { shape: "hv", color: look("blue"), width: 2 }, x, y: history.hypervolume, hovertemplate: "%{y:.4f}<extra></extra>" }],
    { uirevision: `${run} ${over}`, hovermode: "x unified", hoverlabel: { bgcolor: look("card"), font: { color: look("ink") } }, xaxis: axis(over === "hours" ? "hours" : "trials ended, parents first"), yaxis: axis("hypervolume", { rangemode: "tozero" }) });
}

/** @param {HTMLElement} host */
export async function drawProgress(host, study, summary, history) {
  if (!host.querySelector("#curve")) host.replaceChildren(el("div", { id: "progress-top" }), el("h2", {}, "Hypervolume"), el("div", { id: "over" }), el("div", { id: "curve", class: "plot low" }), el("div", { id: "progress-rest" }));
  const again = () => drawProgress(host, study, summary, history);
  fill(host.querySelector("#progress-top"), el("h2", {}, "Now"), now(summary), states(summary));
  const any = history?.trial?.length;
  host.querySelector("#curve").hidden = !any;
  fill(host.querySelector("#over"), any ? choices("Over", [["trials", "by trials"], ["hours", "by hours"]], over, (each) => { over = each; again(); }) : el("p", { class: "soft" }, "It begins with the first trial that is scored."));
  const failures = summary.failures ?? [];
  fill(host.querySelector("#progress-rest"), any ? [el("h2", {}, "Best so far"), bests(study, history)] : null, stages(summary),
    failures.length ? [el("h2", {}, "Why trials failed"), table(["Times", "Reason"], failures.map((each) => [String(each.count), each.reason]), { scroll: "failures", label: "Failures" })] : null,
    failures.length ? el("button", { type: "button", class: "link", onclick: () => choose({ view: "front" }) }, "The failed trials are listed under the front.") : null);
  if (any) await curve(host.querySelector("#curve"), history, summary.id);
}
