/** The front as a table: the same by keyboard, by screen reader and on a phone. */

import { el, fill, table } from "./dom.js";
import { percent, titled, withError } from "./format.js";
import { choose, selected } from "./state.js";
import { axesOf } from "./traces.js";

const MOST = 100;

/** @param {HTMLElement} host @param {import("./study.js").Study} study */
export function drawTable(host, study) {
  const members = study.members(axesOf(study).x === "#" ? study.objectives[0]?.name : axesOf(study).x).reverse();
  const scores = selected().scores === "test" && study.hasTest ? "test" : "search";
  const chances = members.some((at) => (study.chances[study.columns.name[at]] ?? null) !== null);
  const rows = members.slice(0, MOST).map((at) => {
    const name = study.columns.name[at], here = selected().trial === name;
    return el("tr", { class: here ? "here" : null },
      el("td", {}, el("button", { type: "button", class: "link", "data-key": `row:${name}`, "aria-current": here ? "true" : null, onclick: () => choose({ trial: name }) }, name)),
      study.objectives.map((each) => el("td", {}, withError(study.value(at, each.name, scores), study.error(at, each.name, scores)))),
      chances ? el("td", {}, percent(study.chances[name] ?? null)) : null);
  });
  const parents = members.filter((at) => study.columns.parent[at]).length, merges = members.length - parents;
  const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  fill(host, el("h2", {}, `The front${members.length ? `: ${many(merges, "trial")}${parents ? ` and ${many(parents, "parent")}` : ""}` : ""}`),
    members.length ? table(["Trial", ...study.objectives.map(titled), ...(chances ? ["P on front"] : [])], rows, { scroll: "fronttable", label: "Front" }) : el("p", { class: "soft" }, "Nothing is on the front yet."),
    members.length > MOST ? el("p", { class: "soft" }, `The first ${MOST} of ${members.length} are shown; \`optimerge front\` writes them all.`) : null);
}

/** Mark the selected row without making the table again. */
export function markRow(host) {
  for (const row of host.querySelectorAll("tbody tr")) {
    const button = row.querySelector("button"), here = button?.textContent === selected().trial;
    row.classList.toggle("here", here);
    if (here) button.setAttribute("aria-current", "true"); else button?.removeAttribute("aria-current");
  }
}
