/** A trial's scores beside every parent and the best baseline: bars with their errors, differences. */

import { el, svg, table } from "./dom.js";
import { bare, cut, digitsOf, signed, titled } from "./format.js";
import { number } from "./number.js";

const WIDTH = 220, HIGH = 12;

/** One bar with its error, on the scale from low to high. */
function bar(value, error, low, high, kind) {
  const place = (each) => ((each - low) / (high - low || 1)) * WIDTH;
  const zero = place(Math.max(low, Math.min(high, 0))), end = place(value);
  const parts = [svg("rect", { class: `bar ${kind}`, x: Math.min(zero, end), y: 2, width: Math.max(1, Math.abs(end - zero)), height: HIGH - 4 })];
  if (error) parts.push(svg("path", { class: "whisker", d: `M${place(value - error)} ${HIGH / 2}H${place(value + error)}M${place(value - error)} 3V${HIGH - 3}M${place(value + error)} 3V${HIGH - 3}` }));
  return svg("svg", { class: "barbox", viewBox: `0 0 ${WIDTH} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, parts);
}

function verdict(found, task, against, digits) {
  const it = (found.comparisons ?? []).find((each) => each.objective === task && each.against === against && each.items === "search");
  if (!it || it.difference === null) return null;
  const word = !it.significant ? "no clear difference" : it.difference > 0 ? "better" : "worse";
  return el("span", { class: `verdict ${it.significant ? word : ""}`, title: `against ${against}: ${word}` }, `${it.significant ? (word === "better" ? "▲ " : "▼ ") : "≈ "}${signed(it.difference, it.stderr, digits)}`);
}

function one(found, name, score, study) {
  const others = [...(found.parents ?? []), ...(found.best_baseline ? [found.best_baseline] : [])].filter((each, at, all) => each.scores?.[name] && each.name !== found.name && all.findIndex((other) => other.name === each.name) === at);
  const test = found.test?.[name];
  const rows = [["this", "search", score, "own"], ...(test ? [["this, test items", "test", test, "own"]] : []), ...others.map((each) => [each.name, each.name, each.scores[name], "other"])];
  const known = rows.flatMap(([, , each]) => [each.value - (each.stderr ?? 0), each.value + (each.stderr ?? 0)]).filter(Number.isFinite);
  const digits = study?.objective(name) ? study.digits(name) : digitsOf(rows.map(([, , each]) => each.stderr), rows.map(([, , each]) => each.value));
  const room = rows.some(([, , each]) => each.stderr);
  const low = Math.min(0, ...known), high = Math.max(0, ...known);
  return el("div", { class: "score" }, el("h3", {}, titled({ name, direction: score.direction }), score.items ? el("span", { class: "soft" }, ` ${score.items} items`) : null),
    el("div", { class: "bars" }, rows.map(([label, key, each, kind]) => [el("span", { class: "bar-name", title: label }, cut(bare(label), 18)), bar(each.value, each.stderr, low, high, kind),
      el("span", { class: "number" }, number(each.value, each.stderr, digits, { room })), verdict(found, name, key, digits) ?? el("span", {})])));
}

/** Scores that are not optimised: watched on the search items, reported on the test items. */
function others(found, names) {
  const digits = (name) => digitsOf([found.scores[name]?.stderr, found.test?.[name]?.stderr], [found.scores[name]?.value, found.test?.[name]?.value]);
  const cell = (score, name) => (score ? number(score.value, score.stderr, digits(name), { room: false }) : "–");
  return el("div", { id: "others" }, el("h3", {}, "Measured, not optimised"), table(["Score", "search items", "test items"], names.map((name) => [titled({ name, direction: (found.scores[name] ?? found.test[name]).direction }), cell(found.scores[name], name), cell(found.test?.[name], name)]), { scroll: "others", label: "Other scores" }));
}

/** @param {any} found the answer about a trial @param {?import("./study.js").Study} [study] */
export function scores(found, study = null) {
  const any = (found.comparisons ?? []).length, searched = (name) => !study || Boolean(study.objective(name));
  const rest = Object.keys({ ...found.scores, ...found.test }).filter((name) => !searched(name));
  return el("div", { class: "scores" }, Object.entries(found.scores ?? {}).filter(([name, each]) => each.value !== null && searched(name)).map(([name, each]) => one(found, name, each, study)),
    any ? el("p", { class: "soft" }, "▲ better, ▼ worse, ≈ no clear difference: how much better this trial is, whichever way the objective runs, with the standard error.") : null,
    rest.length ? others(found, rest) : null);
}
