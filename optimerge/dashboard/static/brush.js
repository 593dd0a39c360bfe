/** What is brushed: ranges of parameters and objectives that a trial must lie in. */

/** @typedef {Object<string, [number, number]>} Ranges */

/** @param {string} text of the address @returns {Ranges} */
export function ranges(text) {
  if (!text) return {};
  try {
    const found = JSON.parse(text);
    return Object.fromEntries(Object.entries(found).filter(([, pair]) => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isFinite)));
  } catch {
    return {};  // an address that was typed wrongly brushes nothing
  }
}

/** @param {Ranges} found @returns {string} */
export const written = (found) => (Object.keys(found).length ? JSON.stringify(found) : "");

/** @type {WeakMap<import("./study.js").Study, any[]>} */
const made = new WeakMap();

/** The axes: parameters first, then objectives, each with its numbers. @param {import("./study.js").Study} study */
export function axes(study) {
  if (!made.has(study)) made.set(study, makeAxes(study));
  return made.get(study);
}

function makeAxes(study) {
  const found = study.parameters().map((name) => {
    const column = study.columns.params[name];
    if (column.every((value) => value === null || typeof value === "number")) return { key: `p:${name}`, name, values: column, names: null };
    const names = [...new Set(column.filter((value) => value !== null).map(String))].sort();
    return { key: `p:${name}`, name, values: column.map((value) => (value === null ? null : names.indexOf(String(value)))), names };
  });
  const scores = study.objectives.map((each) => ({ key: `o:${each.name}`, name: each.name, values: study.columns.scores?.[each.name] ?? [], names: null, objective: each }));
  return [...found, ...scores].map((each) => {
    let low = Infinity, high = -Infinity;
    for (const value of each.values) if (value !== null) { low = Math.min(low, value); high = Math.max(high, value); }
    return Number.isFinite(low) ? { ...each, low, high } : null;
  }).filter(Boolean);
}

/** Whether each trial lies in every range; null where nothing is brushed. @returns {boolean[]|null} */
export function inside(study, found) {
  const used = axes(study).filter((each) => found[each.key]);
  if (!used.length) return null;
  return study.kinds.map((_, at) => used.every((each) => {
    const value = each.values[at], [low, high] = found[each.key];
    return value !== null && value !== undefined && value >= low && value <= high;
  }));
}
