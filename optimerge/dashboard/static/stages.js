/** Where the time of a trial goes; what is a part of something stands beneath it. */

import { strip } from "./bars.js";
import { el } from "./dom.js";
import { duration } from "./format.js";

const ORDER = ["propose", "wait", "merge", "score"], PARTS = ["answer", "metrics", "others"];
const ABOUT = { propose: "the sampler thinks of a recipe, while the trial before is scored", wait: "the model stands idle until the recipe is there", merge: "the recipe is written into the model", score: "all objectives are measured",
  answer: "the model reads and writes", metrics: "answers become scores", others: "objectives that need no answers" };

/** @param {{stage: string, total: number, mean: number}[]} found */
export function stages(found) {
  const some = found.filter((each) => each.total > 0), of = (name) => some.find((each) => each.stage === name);
  if (!some.length) return null;
  const rest = some.map((each) => each.stage).filter((name) => !ORDER.includes(name) && !PARTS.includes(name));
  const rows = [...ORDER, ...rest].flatMap((name) => [[name, false], ...(name === "score" ? PARTS.map((part) => [part, true]) : [])]).filter(([name]) => of(name));
  const most = Math.max(...rows.map(([name]) => of(name).mean));
  return el("div", { id: "stages" }, el("h2", {}, "Where the time goes"), el("div", { class: "stages" }, rows.map(([name, part]) => {
    const { mean, total } = of(name);
    return [el("span", { class: part ? "part" : null, title: ABOUT[name] ?? null }, name), strip(mean / most), el("span", { class: "number" }, duration(mean)), el("span", { class: "soft" }, `${duration(total)} in all`)];
  })), el("p", { class: "soft" }, "Mean of a trial that has the stage. A proposal is made while the trial before is scored, so only the wait delays it."));
}
