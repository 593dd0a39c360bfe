/** Small scatters on canvas: many points, no hover, fast. */

import { MANY } from "./crowd.js";
import { el, look } from "./dom.js";
import { between } from "./format.js";

/** Pictures a frame: the page follows the hand while they come in. */
const AT_ONCE = 2;
/** @type {(() => void)[]} */
const waiting = [];

function next() {
  for (const paint of waiting.splice(0, AT_ONCE)) paint();
  if (waiting.length) requestAnimationFrame(next);
}

/** Paint when it is its turn. @param {() => void} paint */
function queue(paint) {
  if (waiting.push(paint) === 1) requestAnimationFrame(next);
}

const MARGIN = { left: 6, right: 6, top: 6, bottom: 6 };

/** @param {{x: (?number)[], y: (?number)[], strong: boolean[], dim: boolean[], xname: string, yname: string, names?: ?string[], onpick?: () => void}} given of which `names` are those of the numbers across */
export function mini(given) {
  const canvas = el("canvas", { class: "mini", "aria-hidden": "true" });
  const ends = (values) => { const known = values.filter((v) => v !== null); return known.length ? [Math.min(...known), Math.max(...known)] : [0, 1]; };
  const [x0, x1] = ends(given.x), [y0, y1] = ends(given.y);
  const across = between(x0, x1), up = between(y0, y1);
  const end = (value) => given.names?.[value] ?? across(value);
  const paint = () => {
    const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;  // it has gone
    canvas.width = width * ratio; canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const across = (width - MARGIN.left - MARGIN.right) / (x1 - x0 || 1), up = (height - MARGIN.top - MARGIN.bottom) / (y1 - y0 || 1);
    for (const [strong, dim] of [[false, true], [true, true], [false, false], [true, false]]) {
      const side = strong ? 4 : 3;
      pen.fillStyle = look(strong ? "blue" : "soft");
      pen.globalAlpha = dim ? 0.08 : strong ? 1 : 0.55;
      for (let at = 0; at < given.x.length; at++) {
        const x = given.x[at], y = given.y[at];
        if (x === null || y === null || given.strong[at] !== strong || given.dim[at] !== dim) continue;
        const px = MARGIN.left + (x - x0) * across, py = height - MARGIN.bottom - (y - y0) * up;
        if (given.x.length > MANY) { pen.fillRect(px - side / 2, py - side / 2, side, side); continue; }  // a tenth of the time of circles
        pen.beginPath();
        pen.arc(px, py, strong ? 3 : 2, 0, 7);
        pen.fill();
      }
    }
  };
  queue(paint);
  const inside = [el("span", { class: "mini-y" }, given.yname, el("span", { class: "soft" }, `  ${up(y0)} to ${up(y1)}`)), canvas,
    el("span", { class: "mini-x" }, el("span", { class: "soft" }, end(x0)), el("span", {}, given.xname), el("span", { class: "soft" }, end(x1)))];
  return given.onpick
    ? el("button", { type: "button", class: "minibox", "data-key": `mini:${given.xname}:${given.yname}`, "aria-label": `${given.yname} over ${given.xname}`, onclick: given.onpick }, inside)
    : el("div", { class: "minibox", role: "img", "aria-label": `${given.yname} over ${given.xname}` }, inside);
}
