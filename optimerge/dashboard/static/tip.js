/** The numbers of the point under the pointer. */

import { el } from "./dom.js";
import { called, percent, titled, withError } from "./format.js";
import { MARKS, glyph } from "./marks.js";

/** Scores that are not optimised up to which they are told here. */
const FEW = 4;
const place = () => document.getElementById("tip");

/** What is known of a trial or a baseline, by its name. @param {import("./study.js").Study} study */
export function lines(study, name) {
  const at = study.index.get(name);
  const baseline = study.baselines.find((each) => each.name === name);
  if (baseline) {
    return [el("strong", {}, name), el("div", { class: "soft" }, baseline.about), el("dl", {}, study.objectives.map((each) => [
      el("dt", {}, titled(each)), el("dd", {}, withError(baseline.search?.[each.name], baseline.stderr?.[each.name], study.digits(each.name)))]))];
  }
  if (at === undefined) return [];
  const rows = study.objectives.map((each) => {
    const test = study.value(at, each.name, "test");
    return [el("dt", {}, titled(each)), el("dd", {}, withError(study.value(at, each.name), study.error(at, each.name), study.digits(each.name)),
      test === null ? null : el("span", { class: "soft" }, `  test ${withError(test, study.error(at, each.name, "test"), study.digits(each.name))}`))];
  });
  const others = study.others.map((each) => [each, study.value(at, each.name) ?? study.value(at, each.name, "test"), study.value(at, each.name) === null ? "test" : "search"]).filter(([, value]) => value !== null);
  if (others.length <= FEW) for (const [each, value, items] of others) rows.push([el("dt", { class: "other" }, titled(each)), el("dd", { class: "soft" }, withError(value, study.error(at, each.name, items), study.digits(each.name)), items === "test" ? " on test items" : "")]);
  const chance = study.chances[name] ?? null;
  const broken = Object.keys(study.columns.violations?.[at] ?? {});
  const reason = study.columns.error?.[at] || study.columns.stopped?.[at] || (broken.length ? `breaks ${broken.join(", ")}` : "");
  return [el("strong", {}, glyph(study.kinds[at]), ` ${called(name)}, ${MARKS[study.kinds[at]].text}`), el("dl", {}, rows),
    chance === null ? null : el("div", { class: "soft" }, `on the front with probability ${percent(chance)}`),
    reason ? el("div", { class: "soft" }, reason) : null];
}

/** @param {MouseEvent|{clientX: number, clientY: number}} event */
export function show(event, nodes) {
  const tip = place();
  tip.replaceChildren(...nodes.filter(Boolean));
  tip.hidden = false;
  const wide = tip.offsetWidth, high = tip.offsetHeight;
  const left = event.clientX + 16 + wide > innerWidth ? Math.max(4, event.clientX - wide - 16) : event.clientX + 16;
  const top = Math.min(Math.max(4, event.clientY + 12), Math.max(4, innerHeight - high - 4));
  tip.style.setProperty("left", `${left}px`);
  tip.style.setProperty("top", `${top}px`);
}

export function hide() {
  place().hidden = true;
}
