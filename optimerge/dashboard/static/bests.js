/** The best merge of each objective beside the best parent, and how it came to be. */

import { el, svg } from "./dom.js";
import { called, cut, signed, titled } from "./format.js";
import { number } from "./number.js";
import { choose } from "./state.js";

const WIDE = 240, HIGH = 56;

/** The best of some trials. @param {import("./study.js").Study} study @param {number[]} at @returns {?number} */
function best(study, at, name) {
  const up = study.up(name);
  return at.reduce((top, each) => {
    const value = study.value(each, name);
    return value !== null && (top === null || up * value > up * study.value(top, name)) ? each : top;
  }, null);
}

/** A line of the best merge so far, and a dashed one where the best parent is. */
function spark(values, parent) {
  const known = values.filter((value) => value !== null).concat(parent ?? []), low = Math.min(...known), top = Math.max(...known);
  const x = (at) => (at / Math.max(1, values.length - 1)) * (WIDE - 8) + 4, y = (value) => (top === low ? HIGH / 2 : HIGH - 5 - ((value - low) / (top - low)) * (HIGH - 10));
  let d = "";
  values.forEach((value, at) => { if (value !== null) d += d ? `H${x(at).toFixed(1)}V${y(value).toFixed(1)}` : `M${x(at).toFixed(1)} ${y(value).toFixed(1)}`; });
  return svg("svg", { class: "spark", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, parent === null ? null : svg("path", { class: "reference", d: `M0 ${y(parent)}H${WIDE}` }), svg("path", { d }));
}

/** The best merge after each trial, in the order in which they ended. */
function course(study, name, order) {
  const up = study.up(name);
  let top = null;
  return order.map((at) => {
    const value = at === undefined || !["front", "dominated"].includes(study.kinds[at]) ? null : study.value(at, name);
    if (value !== null && (top === null || up * value > up * top)) top = value;
    return top;
  });
}

const link = (study, at, key) => el("button", { type: "button", class: "link", "data-key": key, title: study.columns.name[at], onclick: () => choose({ trial: study.columns.name[at] }) }, cut(called(study.columns.name[at]), 24));

/** @param {import("./study.js").Study} study @param {any} history */
export function bests(study, history) {
  const merges = [...study.of("front"), ...study.of("dominated")], parents = study.of("parent");
  const order = history.trial.map((name) => study.index.get(name)).filter((at) => at === undefined || study.kinds[at] !== "parent");
  const cards = study.objectives.map((each) => {
    const { name } = each, mine = best(study, merges, name), theirs = best(study, parents, name), digits = study.digits(name);
    if (mine === null && theirs === null) return null;
    const rival = theirs === null ? null : study.value(theirs, name), ours = mine === null ? null : study.value(mine, name);
    const over = mine === null || theirs === null ? null : study.up(name) * (ours - rival);
    return el("div", { class: "card best", "data-objective": name }, el("h3", {}, titled(each)),
      mine === null ? el("div", { class: "soft" }, "no merge yet") : el("div", {}, el("span", { class: "big" }, number(ours, study.error(mine, name), digits, { room: false })), " ", link(study, mine, `best:${name}`)),
      mine === null ? null : spark(course(study, name, order), rival),
      theirs === null ? null : el("div", { class: "soft" }, el("span", { class: "dash", "aria-hidden": "true" }), "best parent ", number(rival, study.error(theirs, name), digits, { room: false }), " ", link(study, theirs, `bestparent:${name}`),
        over === null ? null : el("div", {}, `${over > 0 ? "better by" : over < 0 ? "behind by" : "level with it"} ${over ? signed(Math.abs(over), null, digits).replace("+", "") : ""}`)));
  }).filter(Boolean);
  return cards.length ? el("div", { class: "cards" }, cards) : null;
}
