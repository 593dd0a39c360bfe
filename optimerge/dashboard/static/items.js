/** The documents that a trial wins and loses against a parent. */

import { api } from "./api.js";
import { choices, el, fill, select } from "./dom.js";
import { plain } from "./format.js";
import { selected } from "./state.js";

function one(each, against) {
  const answer = (label, score, text) => el("div", { class: "answer" }, el("span", { class: "soft" }, `${label}: ${plain(score)}`), text ? el("pre", { tabindex: "0" }, text) : null);
  return el("li", {}, el("div", { class: "soft" }, `document ${each.document}`), each.prompt ? el("pre", { tabindex: "0" }, each.prompt) : null, each.choices?.length ? el("div", { class: "soft" }, `choices: ${each.choices.join(" | ")}`) : null,
    answer("this trial", each.a, each.text_a), answer(against, each.b, each.text_b));
}

/** @param {any} found the answer about a trial @param {string[]} tasks */
export function items(found, tasks) {
  const parents = found.parents.map((each) => each.name).filter((name) => name !== found.name);
  const asked = { task: tasks[0], against: parents.at(-1), only: "won", offset: 0 };
  const place = el("div", {}), list = el("ol", { class: "items" }), more = el("button", { type: "button", class: "small", hidden: true, onclick: () => read(false) }, "More");
  const counts = el("div", { id: "counts" });
  let turn = 0;

  async function read(fresh) {
    const mine = ++turn;
    asked.offset = fresh ? 0 : list.children.length;
    try {
      const got = await api.items(selected().run, found.name, asked.task, asked.against, asked.only, asked.offset);
      if (mine !== turn) return;
      fill(counts, choices("Items", [["won", `won ${got.won}`], ["lost", `lost ${got.lost}`], ["all", `all ${got.won + got.lost + got.same}`]], asked.only, (only) => { asked.only = only; read(true); }));
      if (fresh) list.replaceChildren();
      list.append(...got.items.map((each) => one(each, asked.against)));
      const total = got.total;
      more.hidden = list.children.length >= total || !got.items.length;
      if (got.items.length && got.items.every((each) => each.prompt === null)) fill(hint, "The evidence holds no prompts.");
    } catch (error) {
      if (mine === turn) { fill(counts, el("p", { class: "bad" }, error.message)); list.replaceChildren(); more.hidden = true; }
    }
  }

  const hint = el("p", { class: "soft" });
  place.append(el("div", { class: "controls" }, tasks.length > 1 ? select("Task", tasks.map((each) => [each, each]), asked.task, (task) => { asked.task = task; read(true); }) : null,
    select("Against", parents.map((each) => [each, each]), asked.against, (against) => { asked.against = against; read(true); })) , counts, list, more, hint);
  // only when it is opened: evidence is read from files
  requestAnimationFrame(() => { const box = place.closest("details"); if (box?.open) read(true); else box?.addEventListener("toggle", () => read(true), { once: true }); });
  return place;
}
