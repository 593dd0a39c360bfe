/** The front as a table: the same by keyboard, by screen reader and on a phone. */

import { el, fill } from "./dom.js";
import { percent, titled } from "./format.js";
import { named, number } from "./number.js";
import { narrow } from "./plot.js";
import { sortable } from "./sortable.js";
import { choose, selected } from "./state.js";
import { axesOf } from "./traces.js";

const MOST = 100;

/** A link to a trial or a baseline, marked if it is a parent. @param {string} name @param {string} [about] */
export function link(name, about = "") {
  return [el("button", { type: "button", class: "link", "data-key": `row:${name}`, "data-name": name, "aria-current": selected().trial === name ? "true" : null, onclick: () => choose({ trial: name }) }, named(name, narrow() ? 17 : 30)),
    about ? el("span", { class: "soft about" }, ` ${about}`) : null];
}

/** @param {HTMLElement} host @param {import("./study.js").Study} study */
export function drawTable(host, study) {
  const { x } = axesOf(study), start = Math.max(0, study.objectives.findIndex((each) => each.name === x));
  const members = study.members(study.objectives[start]?.name);
  const scores = selected().scores === "test" && study.hasTest ? "test" : "search";
  const chance = (at) => study.chances[study.columns.name[at]] ?? null;
  const chances = members.some((at) => chance(at) !== null), mean = study.tasks.length > 1;
  const errors = (name) => members.some((at) => study.error(at, name, scores));
  const has = new Map(study.objectives.map((each) => [each.name, errors(each.name)]));
  const digits = mean ? Math.max(...study.tasks.map((name) => study.digits(name))) : 3;
  const heads = [{ text: "Trial", value: (at) => study.columns.name[at], first: 1 },
    ...study.objectives.map((each) => ({ text: titled(each), value: (at) => study.value(at, each.name, scores), first: each.direction === "minimize" ? 1 : -1 })),
    ...(mean ? [{ text: "mean", title: `Mean of ${study.tasks.join(", ")}`, value: (at) => study.mean(at, scores)?.[0] ?? null }] : []),
    ...(chances ? [{ text: "P on front", title: "Probability that nothing dominates it", value: chance }] : [])];
  const row = (at) => {
    const name = study.columns.name[at], average = mean ? study.mean(at, scores) ?? [null, null] : null;
    return el("tr", { class: selected().trial === name ? "here" : null },
      el("td", {}, link(name, study.columns.parent[at] ? "◂ parent" : "")),
      study.objectives.map((each) => el("td", {}, number(study.value(at, each.name, scores), study.error(at, each.name, scores), study.digits(each.name), { room: has.get(each.name) }))),
      average ? el("td", {}, number(average[0], average[1], digits)) : null,
      chances ? el("td", {}, percent(chance(at))) : null);
  };
  const parents = members.filter((at) => study.columns.parent[at]).length, merges = members.length - parents;
  const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  fill(host, el("h2", {}, `The front${members.length ? `: ${many(merges, "trial")}${parents ? ` and ${many(parents, "parent")}` : ""}` : ""}`),
    members.length ? sortable("fronttable", heads, members, { row, label: "Front", most: MOST, start: { column: start + 1, way: study.up(study.objectives[start]?.name) < 0 ? 1 : -1 },
      more: () => el("p", { class: "soft" }, `${MOST} of ${members.length} are shown; \`optimerge front\` writes them all.`) }) : el("p", { class: "soft" }, "Nothing is on the front yet."));
}

/** Mark the selected row without making the table again. */
export function markRow(host) {
  for (const row of host.querySelectorAll("tbody tr")) {
    const button = row.querySelector("button[data-name]"), here = Boolean(button) && button.dataset.name === selected().trial;
    row.classList.toggle("here", here);
    if (here) button.setAttribute("aria-current", "true"); else button?.removeAttribute("aria-current");
  }
}
