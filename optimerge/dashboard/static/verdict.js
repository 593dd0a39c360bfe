/** What the test items prove: the first sentence, a table of models, and how much to trust it. */

import { api } from "./api.js";
import { el, fill } from "./dom.js";
import { called, digitsOf, percent, signed } from "./format.js";
import { link } from "./fronttable.js";
import { interval, number } from "./number.js";
import { sortable } from "./sortable.js";
import { selected } from "./state.js";
import { copyButton } from "./text.js";

const MOST = 15, AGAIN = 30000, BEYOND = 1.96;
const known = { run: "", version: -1, found: null, trouble: "", busy: false, when: 0 };

/** Ask once a version; the first time takes the server some seconds. */
async function ask(summary, again) {
  if (known.run !== summary.id) Object.assign(known, { run: summary.id, version: -1, found: null, trouble: "", busy: false, when: 0 });
  if (known.busy || known.version === summary.version || Date.now() - known.when < AGAIN) return;
  const { id, version } = summary;
  Object.assign(known, { busy: true, when: Date.now() });
  try {
    const found = await api.verdict(id);
    if (known.run === id) Object.assign(known, { found, version, trouble: "", busy: false });
  } catch (error) {
    if (known.run === id) Object.assign(known, { trouble: error.message, busy: false });
  }
  if (known.run === id) again();
}

/** The mean of the tasks on the test items, with its error. */
function meanOf(model, tasks) {
  const some = tasks.map((name) => model.test[name]);
  if (!some.length || some.some((each) => (each?.value ?? null) === null)) return null;
  const square = some.reduce((sum, each) => sum + (each.stderr ?? 0) ** 2, 0);
  return { value: some.reduce((sum, each) => sum + each.value, 0) / some.length, stderr: Math.sqrt(square) / some.length };
}

function p(value) {
  return (value ?? null) === null ? "–" : value < 0.001 ? "<0.001" : value.toFixed(3);
}

function models(found) {
  const tasks = found.tasks ?? [], reported = Object.keys(found.reported ?? {});
  const against = new Map(found.comparisons.test.filter((each) => each.against === "baselines" && each.task === null).map((each) => [each.model, each]));
  const rows = found.models.filter((each) => Object.keys(each.test).length).map((each) => ({ ...each, mean: meanOf(each, tasks), best: against.get(each.name) ?? null, p: each.p_front?.test ?? null }));
  if (!rows.length) return null;
  const columns = tasks.length ? reported : [...Object.keys(found.objectives), ...reported];
  const digits = Math.max(0, ...tasks.map((name) => digitsOf(rows.map((each) => each.test[name]?.stderr ?? null), rows.map((each) => each.test[name]?.value ?? null))));
  const many = new Map(columns.map((name) => [name, digitsOf(rows.map((each) => each.test[name]?.stderr ?? null), rows.map((each) => each.test[name]?.value ?? null))]));
  const heads = [{ text: "Model", value: (each) => each.name, first: 1 },
    ...(tasks.length ? [{ text: tasks.length > 1 ? `mean of ${tasks.length} tasks` : tasks[0], title: `${tasks.join(", ")}, on the test items, with its 95 % interval`, value: (each) => each.mean?.value ?? null }] : []),
    ...columns.map((name) => ({ text: name, title: reported.includes(name) ? "Reported only, never searched on" : "On the test items", value: (each) => each.test[name]?.value ?? null })),
    ...(against.size ? [{ text: "over best baseline", title: "Difference of the means, with its standard error", value: (each) => each.best?.difference?.value ?? null },
      { text: "p", title: "Of that difference, corrected for every comparison that was made", value: (each) => each.best?.p_corrected ?? null, first: 1 }] : []),
    { text: "P on front", title: "Probability that nothing dominates it on the test items", value: (each) => each.p }];
  const row = (each) => el("tr", { class: selected().trial === each.name ? "here" : null },
    el("td", { title: each.about || null }, link(each.name, each.kind === "merge" ? "" : each.kind === "parent" ? "◂ parent" : each.kind)),
    tasks.length ? el("td", {}, each.mean ? [number(each.mean.value, null, digits, { room: false }), " ", interval(each.mean.value - BEYOND * each.mean.stderr, each.mean.value + BEYOND * each.mean.stderr, digits)] : "–") : null,
    columns.map((name) => el("td", {}, number(each.test[name]?.value ?? null, each.test[name]?.stderr ?? null, many.get(name)))),
    against.size ? [el("td", {}, each.best ? number(each.best.difference.value, each.best.difference.stderr, digits, { sign: true }) : ""), el("td", { class: each.best?.significant ? "better" : null }, each.best ? `${each.best.significant ? "▲ " : ""}${p(each.best.p_corrected)}` : "")] : null,
    el("td", {}, percent(each.p)));
  return sortable("verdict", heads, rows, { row, label: "On the test items", most: rows.length > MOST + 3 ? MOST : rows.length, start: { column: tasks.length ? 1 : 0, way: tasks.length ? -1 : 1 },
    more: (left, all) => el("button", { type: "button", class: "small", "data-key": "verdict-all", onclick: all }, `Show ${left} more`) });
}

/** What a person must know before trusting the table. */
function notes(found) {
  const { flattery, looks, front, skipped } = found, some = [], listed = (names) => names.map(called).join(", ");
  if (front) some.push(`On the test items ${front.stays.length} stay on the front${front.falls.length ? `, ${listed(front.falls)} ${front.falls.length === 1 ? "falls" : "fall"}` : ""}${front.joins.length ? `, ${listed(front.joins)} would join` : ""}.`);
  if (flattery) some.push(`The front is ${flattery.flattered ? "" : "not significantly "}flattered: merges score ${signed(flattery.gap.value, flattery.gap.stderr, 3)} on search over test items${flattery.parents ? `, parents, which nobody chose, ${signed(flattery.parents.value, flattery.parents.stderr, 3)}` : ""}.`);
  some.push(`The test items were looked at ${looks === 1 ? "once." : `${looks} times: each look after which something is chosen makes them less of a test.`}`);
  for (const [name, why] of Object.entries(skipped ?? {})) some.push(`${name} was not tested: ${why}`);
  for (const each of found.models) if (each.error) some.push(`${each.name} was not tested: ${each.error}`);
  return el("ul", { class: "notes" }, some.map((text) => el("li", {}, text)));
}

/** The sentence goes into one place, the table into another.
 *  @param {HTMLElement} head @param {HTMLElement} host @param {any} summary */
export function drawVerdict(head, host, summary) {
  const again = () => { if (head.isConnected) drawVerdict(head, host, summary); };
  if (!summary.tested) {
    const command = summary.commands?.test;
    fill(head, summary.front && command ? el("p", { class: "untested" }, el("span", { class: "soft" }, "Not tested yet. On items that the search never saw, this says what holds: "), el("code", {}, command), " ", copyButton(command)) : null);
    fill(host);
    return;
  }
  ask(summary, again);
  const { found, trouble } = known.run === summary.id ? known : { found: null, trouble: "" };
  if (!found) {
    fill(head, el("p", { class: trouble ? "bad" : "lead soft", "aria-busy": trouble ? null : "true" }, trouble || "reading what the test found …"));
    fill(host);
    return;
  }
  if (!found.headline) { fill(head); fill(host); return; }
  fill(head, el("p", { class: "lead", id: "headline" }, found.headline));
  fill(host, el("h2", {}, "What the test found"), models(found), notes(found));
}
