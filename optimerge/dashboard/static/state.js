/** What is selected; the address holds it, so that it can be shared and gone back to. */

/** @typedef {{run: string, view: string, x: string, y: string, colour: string, scores: string, kind: string,
 *   trial: string, pin: string, brush: string, runs: string, how: string, limits: string, bars: string, slice: string}} Selection */

/** @type {Selection} */
const DEFAULTS = { run: "", view: "front", x: "", y: "", colour: "", scores: "search", kind: "2d", trial: "", pin: "",
  brush: "", runs: "", how: "", limits: "", bars: "auto", slice: "" };

/** @type {Set<(now: Selection, changed: Set<string>) => void>} */
const listeners = new Set();

/** @returns {Selection} */
function read() {
  const found = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.entries(DEFAULTS).map(([key, value]) => [key, found.get(key) ?? value]));
}

/** @type {Selection} */
let now = read();

/** @returns {Selection} */
export const selected = () => now;

function tell(before) {
  const changed = new Set(Object.keys(DEFAULTS).filter((key) => before[key] !== now[key]));
  if (changed.size) for (const listener of listeners) listener(now, changed);
}

/** Change the selection. @param {Partial<Selection>} change @param {boolean} [back] whether "back" undoes it */
export function choose(change, back = true) {
  const before = now;
  now = { ...now, ...change };
  const hash = new URLSearchParams(Object.entries(now).filter(([key, value]) => value !== DEFAULTS[key])).toString();
  if (`#${hash}` !== location.hash) history[back ? "pushState" : "replaceState"](null, "", `#${hash}`);
  tell(before);
}

/** @param {(now: Selection, changed: Set<string>) => void} listener */
export function onChange(listener) {
  listeners.add(listener);
}

function reread() {
  const before = now;
  now = read();
  tell(before);
}
addEventListener("popstate", reread);
addEventListener("hashchange", reread);
