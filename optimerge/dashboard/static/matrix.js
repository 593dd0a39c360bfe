/** Every pair of objectives as a small picture; a click makes it the large one. */

import { inside, ranges } from "./brush.js";
import { el } from "./dom.js";
import { titled } from "./format.js";
import { mini } from "./minis.js";
import { choose, selected } from "./state.js";
import { scoresOf } from "./traces.js";

/** @param {import("./study.js").Study} study */
export function matrix(study) {
  const all = study.objectives.map((each) => each.name), scores = scoresOf(study);
  const brushed = inside(study, ranges(selected().brush));
  const at = [...study.of("dominated"), ...study.of("front")];
  const column = (name) => at.map((each) => study.value(each, name, scores));
  const pairs = all.flatMap((y, row) => all.slice(0, row).map((x) => [x, y]));
  return el("div", { class: "minis" }, pairs.map(([x, y]) => mini({ x: column(x), y: column(y), strong: at.map((each) => study.kinds[each] === "front"), dim: at.map((each) => Boolean(brushed) && !brushed[each]),
    xname: titled(study.objective(x)), yname: titled(study.objective(y)), onpick: () => choose({ x, y, kind: "2d" }) })));
}
