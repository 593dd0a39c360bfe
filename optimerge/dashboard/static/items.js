/** The documents that a trial wins and loses against a parent. */

import { api } from "./api.js";
import { choices, el, fill, select } from "./dom.js";
import { called, cut, likeness } from "./format.js";
import { selected } from "./state.js";

const LONG = 420, LINES = 7;

/** Text as it was, folded if it is long. @param {string} text */
function prose(text) {
  const long = text.length > LONG || text.split("\n").length > LINES;
  const box = el("pre", { tabindex: "0", class: long ? "folded" : null }, text);
  if (!long) return box;
  const button = el("button", { type: "button", class: "small", "aria-expanded": "false", onclick: () => {
    const folded = box.classList.toggle("folded");
    button.textContent = folded ? "Show all of it" : "Fold";
    button.setAttribute("aria-expanded", String(!folded));
  } }, "Show all of it");
  return [box, button];
}

/** What a model made of a document. */
function answer(name, score, text, other, shown) {
  const better = score !== null && other !== null && score !== other, full = score === 1 ? "✓ " : score === 0 ? "✗ " : "";
  return el("div", { class: "answer" }, el("div", {}, el("span", { class: "who", title: name }, cut(name, 28)), " ", el("span", { class: better ? "score strong" : "score soft" }, `${full}${shown(score)}`)), text ? prose(text) : null);
}

function one(each, mine, against, shown) {
  return el("li", {}, el("div", { class: "soft" }, `document ${each.document}`), each.prompt ? prose(each.prompt) : null,
    (each.gold ?? null) === null ? null : el("div", {}, el("span", { class: "soft" }, "right: "), String(each.gold)),
    each.choices?.length ? el("div", {}, el("span", { class: "soft" }, each.choices.length > 1 ? "to choose from" : "scored answer"), el("ul", { class: "options" }, each.choices.map((text) => el("li", {}, text)))) : null,
    el("div", { class: "answers" }, answer(mine, each.a, each.text_a, each.b, shown), answer(against, each.b, each.text_b, each.a, shown)));
}

/** @param {any} found the answer about a trial @param {string[]} tasks */
export function items(found, tasks) {
  const parents = found.parents.map((each) => each.name).filter((name) => name !== found.name);
  const asked = { task: tasks[0], against: parents.at(-1), only: "won", offset: 0 };
  const place = el("div", {}), list = el("ol", { class: "items" }), more = el("button", { type: "button", class: "small", hidden: true, onclick: () => read(false) }, "More");
  const counts = el("div", { id: "counts" }), hint = el("p", { class: "soft" });
  let turn = 0;

  async function read(fresh) {
    const mine = ++turn;
    asked.offset = fresh ? 0 : list.children.length;
    list.setAttribute("aria-busy", "true");
    try {
      const got = await api.items(selected().run, found.name, asked.task, asked.against, asked.only, asked.offset);
      if (mine !== turn) return;
      fill(counts, choices("Items", [["won", `won ${got.won}`], ["lost", `lost ${got.lost}`], ["all", `all ${got.won + got.lost + got.same}`]], asked.only, (only) => { asked.only = only; read(true); }));
      if (fresh) list.replaceChildren();
      const shown = likeness(got.items.flatMap((each) => [each.a, each.b]));
      list.append(...got.items.map((each) => one(each, called(found.name), asked.against, shown)));
      more.hidden = list.children.length >= got.total || !got.items.length;
      const left = got.total - list.children.length;
      more.textContent = `More: ${left} left`;
      fill(hint, !got.total ? `No document was ${asked.only === "all" ? "scored by both" : asked.only}.` : got.items.length && got.items.every((each) => each.prompt === null) ? "The evidence holds no prompts." : null);
    } catch (error) {
      if (mine === turn) { fill(counts, el("p", { class: "bad" }, error.message)); list.replaceChildren(); more.hidden = true; }
    }
    if (mine === turn) list.removeAttribute("aria-busy");
  }

  place.append(el("div", { class: "controls" }, tasks.length > 1 ? select("Task", tasks.map((each) => [each, each]), asked.task, (task) => { asked.task = task; read(true); }) : null,
    select("Against", parents.map((each) => [each, cut(each, 34)]), asked.against, (against) => { asked.against = against; read(true); })), counts, list, more, hint);
  // only when it is opened: evidence is read from files
  requestAnimationFrame(() => { const box = place.closest("details"); if (box?.open) read(true); else box?.addEventListener("toggle", () => read(true), { once: true }); });
  return place;
}
