/** Thousands of points on canvas: the picture keeps their places for the pointer and draws none of them. */

import { look } from "./dom.js";

/** Points of a kind from which they are drawn here. */
export const MANY = 250;

const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
const STEPS = 64;
/** From low to high. */
export const RAMP = Array.from({ length: STEPS + 1 }, (_, at) => {
  const place = (at / STEPS) * (VIRIDIS.length - 1), low = Math.min(VIRIDIS.length - 2, Math.floor(place)), share = place - low;
  return `rgb(${VIRIDIS[low].map((each, i) => Math.round(each + share * (VIRIDIS[low + 1][i] - each))).join(",")})`;
});

/** @typedef {{x: number[], y: number[], by: ?(?number)[], ends: [number, number], colour: string, radius: number, alpha: number, edge: string, lit: ?Set<number>, errors: ?{x: ?(?number)[], y: (?number)[]}}} Crowd */

/** Error bars of all, each a line across and one up; few are seen one by one. */
function bars(pen, { x, y, errors, lit }, px, py) {
  pen.strokeStyle = look("soft");
  pen.lineWidth = 1;
  for (let at = 0; at < x.length; at++) {
    if (lit && !lit.has(at)) continue;
    const ex = errors.x?.[at] ?? 0, ey = errors.y[at] ?? 0, cx = px(x[at]), cy = py(y[at]);
    pen.beginPath();
    if (ex) { pen.moveTo(px(x[at] - ex), cy); pen.lineTo(px(x[at] + ex), cy); }
    if (ey) { pen.moveTo(cx, py(y[at] - ey)); pen.lineTo(cx, py(y[at] + ey)); }
    pen.stroke();
  }
}

/** @param {CanvasRenderingContext2D} pen @param {Crowd} crowd @param {(value: number) => number} px @param {(value: number) => number} py */
export function paint(pen, crowd, px, py) {
  const { x, y, by, ends: [low, high], radius, lit } = crowd, plain = look(crowd.colour);
  pen.globalAlpha = 0.5;
  if (crowd.errors) bars(pen, crowd, px, py);
  pen.strokeStyle = crowd.edge ? look(crowd.edge) : "";
  pen.lineWidth = 0.7;
  for (const strong of lit ? [false, true] : [true]) {
    /** One path a colour: thousands of fills of their own take ten times as long. @type {Map<string, Path2D>} */
    const paths = new Map();
    for (let at = 0; at < x.length; at++) {
      if (lit && lit.has(at) !== strong) continue;
      const colour = by ? RAMP[Math.max(0, Math.min(STEPS, Math.round((STEPS * (by[at] - low)) / (high - low || 1))))] ?? plain : plain;
      let path = paths.get(colour);
      if (!path) paths.set(colour, (path = new Path2D()));
      const cx = px(x[at]), cy = py(y[at]);
      path.moveTo(cx + radius, cy);
      path.arc(cx, cy, radius, 0, 7);
    }
    pen.globalAlpha = strong ? (lit ? 1 : crowd.alpha) : 0.07;
    for (const [colour, path] of paths) {
      pen.fillStyle = colour;
      pen.fill(path);
      if (crowd.edge) pen.stroke(path);
    }
  }
}
