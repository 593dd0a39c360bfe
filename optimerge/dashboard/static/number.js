/** Numbers in columns: the points below each other, the error softer than the value. */

import { el } from "./dom.js";
import { cut, signed, valued, withError } from "./format.js";

/** A value and its error; a place is kept where a neighbour has an error and this one has none.
 *  @param {?number} value @param {?number} error @param {number} digits @param {{sign?: boolean, room?: boolean}} [how] */
export function number(value, error, digits, { sign = false, room = true } = {}) {
  if (value === null || value === undefined) return el("span", { class: "num soft", "data-room": room ? ` ± ${(0).toFixed(digits)}` : null }, "–");
  const text = sign ? signed(value, null, digits) : valued(value, digits);
  const shown = error ? withError(value, error, digits).split(" ± ")[1] : "";
  return el("span", { class: "num", title: `${value}${error ? ` ± ${error}` : ""}`, "data-room": room && !shown ? ` ± ${(0).toFixed(digits)}` : null }, text, shown ? el("span", { class: "err" }, ` ± ${shown}`) : null);
}

/** A name that may be long, cut in its middle with the whole to be pointed at. @param {string} name @param {number} length */
export function named(name, length) {
  const short = cut(name, length);
  return el("span", { title: short === name ? null : name }, short);
}

/** The ends of a 95 % interval. */
export function interval(low, high, digits) {
  return el("span", { class: "num err" }, `[${valued(low, digits)}, ${valued(high, digits)}]`);
}
