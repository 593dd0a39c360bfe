/** Elements made from text, never from markup. */

const SVG = "http://www.w3.org/2000/svg";

/** @param {Element} node @param {Object<string, any>} props */
function dress(node, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "selected" || key === "htmlFor") node[key] = value;
    else if (key === "look") for (const [name, text] of Object.entries(value)) node.style.setProperty(name, text);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
}

/** An element; children are nodes or texts. @returns {HTMLElement} */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  node.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  dress(node, props);
  return node;
}

/** @returns {SVGElement} */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  dress(node, props);
  node.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return node;
}

/** Where boxes were scrolled to; asking them would make the browser lay the page out. @type {WeakMap<Element, [number, number]>} */
const scrolls = new WeakMap();
document.addEventListener("scroll", ({ target }) => { if (target instanceof Element && target.dataset.scroll) scrolls.set(target, [target.scrollTop, target.scrollLeft]); }, { capture: true, passive: true });

/** Put nodes into a place and leave the keyboard and the scroll where they were. */
export function fill(place, ...nodes) {
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const scrolled = [...place.querySelectorAll("[data-scroll]")].filter((each) => scrolls.has(each)).map((each) => [each.dataset.scroll, ...scrolls.get(each)]);
  const open = new Set([...place.querySelectorAll("details[data-key]")].filter((each) => each.open).map((each) => each.dataset.key));
  place.replaceChildren(...nodes.flat(Infinity).filter(Boolean));
  for (const each of place.querySelectorAll("details[data-key]")) if (open.has(each.dataset.key)) each.open = true;
  for (const [name, top, left] of scrolled) {
    const again = place.querySelector(`[data-scroll="${CSS.escape(name)}"]`);
    if (again) { again.scrollTop = top; again.scrollLeft = left; }
  }
  if (key) place.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** A select with options [value, text]. */
export function select(label, options, value, onchange, key = label) {
  const box = el("select", { "data-key": key, onchange: (event) => onchange(event.target.value) },
    options.map(([each, text]) => el("option", { value: each, selected: each === value }, text)));
  return el("label", { class: "field" }, el("span", {}, label), box);
}

/** Buttons of which one is pressed. */
export function choices(label, options, value, onpick) {
  return el("div", { class: "choices", role: "group", "aria-label": label }, options.map(([each, text]) =>
    el("button", { type: "button", "data-key": `${label}:${each}`, "aria-pressed": String(each === value), onclick: () => onpick(each) }, text)));
}

/** A table; cells are texts or nodes. @param {string[]} heads @param {any[][]} rows */
export function table(heads, rows, props = {}) {
  return el("div", { class: "wide", "data-scroll": props.scroll ?? "table", tabindex: "0", role: "region", "aria-label": props.label ?? "Table" }, el("table", {},
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map((row) => row instanceof Node ? row : el("tr", {}, row.map((cell) => el("td", {}, cell)))))));
}

/** Say something to those who do not see the page. @param {string} text */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** A colour or size of the style sheet. @param {string} name */
export function look(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Run at most once in so many milliseconds, the last time at the end. */
export function calm(work, wait) {
  let timer = 0;
  return (...given) => { clearTimeout(timer); timer = setTimeout(() => work(...given), wait); };
}
