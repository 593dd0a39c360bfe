/** What a pointer does on a picture: drag to zoom or move it, twice to see all, point to be told, click to take. */

import { el, svg } from "./dom.js";

const NEAR = 14, MOVED = 4;
const ICONS = { zoom: "M7 2a5 5 0 1 0 3 9l4 4 1.2-1.2-4-4A5 5 0 0 0 7 2zm0 1.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4z", pan: "M8 1l2.5 3H9v3h3V5.500l3 2.5-3 2.500V9H9v3h1.500L8 15l-2.500-3H7V9H4v1.500L1 8l3-2.500V7h3V4H5.500z", reset: "M8 2l7 6h-2v6h-4v-4H7v4H3V8H1z", save: "M2 4h3l1-2h4l1 2h3v9H2zm6 2a2.600 2.600 0 1 0 0 5.200A2.600 2.600 0 0 0 8 6z" };

/** The point under the pointer, if one is near. @returns {?{customdata: any, trace: any, at: number}} */
function nearest(place, event) {
  const { left, top } = place.getBoundingClientRect(), { x: across, y: up, box } = place.frame, x = event.clientX - left - box.l, y = event.clientY - top - box.t;
  let found = null, least = NEAR * NEAR;
  for (const trace of place.data) {
    if (trace.hoverinfo === "skip") continue;
    const along = trace.mode === "lines";  // of a line the nearest number across
    for (let at = 0; at < (trace.x?.length ?? 0); at++) {
      if (typeof trace.x[at] !== "number" || typeof trace.y[at] !== "number") continue;
      const dx = across.at(trace.x[at]) - x, dy = up.at(trace.y[at]) - y, far = along ? Math.abs(dx) + Math.abs(dy) / 100 : dx * dx + dy * dy;
      if (far < least || (far === least && found?.trace.mode !== "markers")) { least = far; found = { trace, at, customdata: trace.customdata?.[at] }; }
    }
  }
  return found;
}

function bar(place, zoom) {
  const button = (name, title, onclick) => el("button", { type: "button", class: "modebar-btn", title, "aria-label": title, "data-key": `bar:${name}`, "aria-pressed": name === "zoom" || name === "pan" ? String((place.dataset.drag ?? "zoom") === name) : null, onclick }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] })));
  const mode = (name) => () => { place.dataset.drag = name; put(place, zoom); };
  const { save } = place.chart.how;
  return el("div", { class: "modebar" }, button("zoom", "Drag to zoom", mode("zoom")), button("pan", "Drag to move", mode("pan")), button("reset", "Show all", () => zoom(place, null)), save ? button("save", "Download as a picture", () => save(place)) : null);
}

function put(place, zoom) {
  const now = place.querySelector(":scope > .modebar"), key = now?.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  now?.remove();
  if (place.chart.how.narrow) return;
  place.append(bar(place, zoom));
  if (key) place.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll: true });
}

/** Let hands at a picture; once is enough. @param {any} place @param {(place: any, range: any) => void} zoom */
export function hands(place, zoom) {
  if (place.dataset.hands) return;
  place.dataset.hands = "yes";
  put(place, zoom);
  let from = null, told = null;
  const inside = (event) => { const { left, top } = place.getBoundingClientRect(), { l, t, w, h } = place.frame.box; return [Math.max(0, Math.min(w, event.clientX - left - l)), Math.max(0, Math.min(h, event.clientY - top - t))]; };
  const box = () => place.querySelector(":scope > svg.chart > .zoombox");
  place.addEventListener("pointerdown", (event) => {
    if (event.button || !event.target.classList?.contains("nsewdrag") || place.chart.how.narrow) return;
    event.preventDefault();
    place.focus({ preventScroll: true });
    from = { at: inside(event), x: place.frame.x, y: place.frame.y, moved: false };
    place.setPointerCapture(event.pointerId);
  });
  place.addEventListener("pointermove", (event) => {
    if (!from) { pointed(event); return; }
    const [x, y] = inside(event), [a, b] = from.at, { l, t } = place.frame.box;
    from.moved ||= Math.abs(x - a) + Math.abs(y - b) > MOVED;
    if (!from.moved) return;
    if (place.dataset.drag === "pan") { zoom(place, { x: [from.x.value(a - x), from.x.value(from.x.length + a - x)], y: [from.y.value(from.y.length + b - y), from.y.value(b - y)] }); return; }
    const shape = box();
    shape.removeAttribute("hidden");
    for (const [name, value] of Object.entries({ x: l + Math.min(a, x), y: t + Math.min(b, y), width: Math.abs(x - a), height: Math.abs(y - b) })) shape.setAttribute(name, value);
  });
  const end = (event) => {
    const begun = from;
    from = null;
    box()?.setAttribute("hidden", "");
    if (!begun) return;
    const [x, y] = inside(event), [a, b] = begun.at;
    if (!begun.moved) { click(event); return; }
    if (place.dataset.drag === "pan" || event.type === "pointercancel") return;
    const across = Math.abs(x - a) > 12 ? [a, x] : [0, begun.x.length], up = Math.abs(y - b) > 12 ? [b, y] : [0, begun.y.length];
    if (Math.abs(x - a) > 12 || Math.abs(y - b) > 12) zoom(place, { x: [Math.min(...across), Math.max(...across)].map(begun.x.value), y: [Math.max(...up), Math.min(...up)].map(begun.y.value) });
  };
  place.addEventListener("pointerup", end);
  place.addEventListener("pointercancel", end);
  place.addEventListener("click", (event) => { if (place.chart.how.narrow) click(event); });
  place.addEventListener("dblclick", () => zoom(place, null));
  place.addEventListener("pointerleave", () => { if (told) { told = null; place.emit("leave"); } });
  function pointed(event) {
    const found = event.target.closest?.(".modebar") ? null : nearest(place, event);
    if (found && (found.trace !== told?.trace || found.at !== told.at)) { told = found; place.emit("point", { event, points: [found] }); }
    if (!found && told) { told = null; place.emit("leave"); }
    place.classList.toggle("pointing", Boolean(found?.customdata));
  }
  function click(event) {
    const found = nearest(place, event);
    if (found?.customdata !== undefined) place.emit("take", { event, points: [found] });
  }
}
