/** A trial's scores beside every parent and the best baseline: bars with their errors, differences. */

import { el, svg } from "./dom.js";
import { signed, titled, withError } from "./format.js";

const WIDTH = 220, HIGH = 12;

/** One bar with its error, on the scale from low to high. */
function bar(value, error, low, high, kind) {
  const place = (each) => ((each - low) / (high - low || 1)) * WIDTH;
  const zero = place(Math.max(low, Math.min(high, 0))), end = place(value);
  const parts = [svg("rect", { class: `bar ${kind}`, x: Math.min(zero, end), y: 2, width: Math.max(1, Math.abs(end - zero)), height: HIGH - 4 })];
  if (error) parts.push(svg("path", { class: "whisker", d: `M${place(value - error)} ${HIGH / 2}H${place(value + error)}M${place(value - error)} 3V${HIGH - 3}M${place(value + error)} 3V${HIGH - 3}` }));
  return svg("svg", { class: "barbox", viewBox: `0 0 ${WIDTH} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, parts);
}

function verdict(found, task, against) {
  const it = (found.comparisons ?? []).find((each) => each.objective === task && each.against === against && each.items === "search");
  if (!it || it.difference === null) return null;
  const word = !it.significant ? "no clear difference" : it.difference > 0 ? "better" : "worse";
  return el("span", { class: `verdict ${it.significant ? word : ""}`, title: `against ${against}: ${word}` }, `${it.significant ? (word === "better" ? "▲ " : "▼ ") : "≈ "}${signed(it.difference, it.stderr)}`);
}

function one(found, name, score) {
  const others = [...(found.parents ?? []), ...(found.best_baseline ? [found.best_baseline] : [])].filter((each, at, all) => each.scores?.[name] && each.name !== found.name && all.findIndex((other) => other.name === each.name) === at);
  const test = found.test?.[name];
  const rows = [["this", "search", score, "own"], ...(test ? [["this, test items", "test", test, "own"]] : []), ...others.map((each) => [each.name, each.name, each.scores[name], "other"])];
  const known = rows.flatMap(([, , each]) => [each.value - (each.stderr ?? 0), each.value + (each.stderr ?? 0)]).filter(Number.isFinite);
  const low = Math.min(0, ...known), high = Math.max(0, ...known);
  return el("div", { class: "score" }, el("h3", {}, titled({ name, direction: score.direction }), score.items ? el("span", { class: "soft" }, ` ${score.items} items`) : null),
    el("div", { class: "bars" }, rows.map(([label, key, each, kind]) => [el("span", { class: "bar-name", title: label }, label), bar(each.value, each.stderr, low, high, kind),
      el("span", { class: "number" }, withError(each.value, each.stderr)), verdict(found, name, key) ?? el("span", {})])));
}

/** @param {any} found the answer about a trial */
export function scores(found) {
  const any = (found.comparisons ?? []).length;
  return el("div", { class: "scores" }, Object.entries(found.scores ?? {}).filter(([, each]) => each.value !== null).map(([name, each]) => one(found, name, each)),
    any ? el("p", { class: "soft" }, "▲ better, ▼ worse, ≈ no clear difference: how much better this trial is, whichever way the objective runs, with the standard error.") : null);
}
