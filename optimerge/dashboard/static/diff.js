/** What differs between the selected trial and the pinned one. */

import { api } from "./api.js";
import { el, fill, table } from "./dom.js";
import { called, likeness } from "./format.js";
import { selected } from "./state.js";

function changed(each, shown) {
  if (typeof each.a !== "number" || typeof each.b !== "number") return each.a === each.b ? "" : "differs";
  const text = shown(each.a - each.b);
  return each.a > each.b ? `+${text}` : text;
}

/** @param {string} text a unified difference */
function unified(text) {
  const kind = { "+": "plus", "-": "minus", "@": "at" };
  return el("pre", { class: "diff", tabindex: "0", "data-scroll": "diff" }, text.split("\n").map((line) => el("span", { class: (/^(---|\+\+\+) /.test(line) ? "at" : kind[line[0]]) ?? null }, `${line}\n`)));
}

/** @param {string} name @param {string} pin */
export function differences(name, pin) {
  const place = el("div", {}, el("p", { class: "soft" }, "Reading…"));
  api.diff(selected().run, name, pin).then((found) => {
    const some = found.params.filter((each) => each.a !== each.b);
    const shown = likeness(some.flatMap((each) => [each.a, each.b]));
    fill(place, some.length ? table(["Parameter", called(name), called(pin), "Difference"], some.map((each) => [each.name, shown(each.a), shown(each.b), changed(each, shown)]), { scroll: "params", label: "Differences" }) : el("p", { class: "soft" }, "The parameters are the same."),
      found.recipe ? unified(found.recipe) : null);
  }, (error) => fill(place, el("p", { class: "bad" }, error.message)));
  return place;
}
