/** Trials that have no place in the picture, as a list to open. */

import { el } from "./dom.js";
import { MARKS } from "./marks.js";
import { choose } from "./state.js";

/** @param {import("./study.js").Study} study */
export function scoreless(study) {
  const at = study.kinds.flatMap((kind, each) => (["failed", "running", "waiting"].includes(kind) || (kind === "pruned" && study.value(each, study.objectives[0]?.name) === null) ? [each] : []));
  if (!at.length) return null;
  const last = at.slice(-60).reverse();
  return el("details", { "data-key": "scoreless" }, el("summary", { "data-key": "scoreless-summary" }, `${at.length} ${at.length === 1 ? "trial has" : "trials have"} no scores and no place in the picture`),
    el("div", { class: "chips" }, last.map((each) => el("button", { type: "button", class: "chip", "data-key": `none:${study.columns.name[each]}`, title: study.columns.error?.[each] ?? "", onclick: () => choose({ trial: study.columns.name[each] }) }, `${MARKS[study.kinds[each]].text} ${study.columns.name[each]}`)),
      at.length > last.length ? el("span", { class: "soft" }, `and ${at.length - last.length} before`) : null));
}
