/** A table whose heads sort it: a click, or Enter on the head; null values come last. */

import { el, fill, say } from "./dom.js";

/** @typedef {{text: string, title?: string, value: (item: any) => ?(number|string), first?: 1|-1, class?: string}} Head first: 1 if the smallest is the best */
/** How each table was sorted by hand, by its key. @type {Map<string, {column: number, way: number}>} */
const sorts = new Map();

function ordered(items, head, way) {
  const keyed = items.map((item) => [head.value(item), item]);
  return keyed.sort(([a], [b]) => {
    const none = (a === null || a === undefined) - (b === null || b === undefined);
    if (none || a === null || a === undefined) return none;
    return way * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
  }).map(([, item]) => item);
}

/** @param {string} key what the order is remembered by @param {Head[]} heads @param {any[]} items
 *  @param {{row: (item: any) => HTMLElement, label: string, most: number, start?: {column: number, way: number}, more?: (left: number, all: () => void) => any}} how */
export function sortable(key, heads, items, how) {
  let most = how.most;
  const place = el("div", {});
  const draw = () => {
    const now = sorts.get(key) ?? how.start ?? { column: -1, way: 1 };
    const rows = heads[now.column] ? ordered(items, heads[now.column], now.way) : items;
    const sort = (column) => {
      const first = heads[column].first ?? -1, way = now.column === column ? -now.way : first;
      sorts.set(key, { column, way });
      draw();
      say(`sorted by ${heads[column].text}, ${way > 0 ? "ascending" : "descending"}`);
    };
    const head = heads.map((each, column) => el("th", { scope: "col", class: each.class ?? null, "aria-sort": column === now.column ? (now.way > 0 ? "ascending" : "descending") : null },
      el("button", { type: "button", class: "sort", "data-key": `sort:${key}:${each.text}`, title: each.title ?? null, onclick: () => sort(column) }, each.text, el("span", { class: "way", "aria-hidden": "true" }, column === now.column ? (now.way > 0 ? "▴" : "▾") : ""))));
    fill(place, el("div", { class: "wide", "data-scroll": key, tabindex: "0", role: "region", "aria-label": how.label }, el("table", { class: "sticky" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows.slice(0, most).map(how.row)))),
      rows.length > most ? how.more?.(rows.length - most, () => { most = Infinity; draw(); }) : null);
  };
  draw();
  return place;
}
