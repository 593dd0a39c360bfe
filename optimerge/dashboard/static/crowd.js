/** Thousands of points on canvas: plotly keeps their places for the pointer and draws none of them. */

import { look } from "./dom.js";

/** Points of a kind from which they are drawn here. */
export const MANY = 250;

const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
const STEPS = 64;
const RAMP = Array.from({ length: STEPS + 1 }, (_, at) => {
  const place = (at / STEPS) * (VIRIDIS.length - 1), low = Math.min(VIRIDIS.length - 2, Math.floor(place)), share = place - low;
  return `rgb(${VIRIDIS[low].map((each, i) => Math.round(each + share * (VIRIDIS[low + 1][i] - each))).join(",")})`;
});

/** @typedef {{x: number[], y: number[], by: ?(?number)[], ends: [number, number], colour: string, radius: number, alpha: number, edge: string, lit: ?Set<number>}} Crowd */

/** @param {CanvasRenderingContext2D} pen @param {Crowd} crowd @param {(value: number) => number} px @param {(value: number) => number} py */
export function paint(pen, crowd, px, py) {
  const { x, y, by, ends: [low, high], radius, lit } = crowd, plain = look(crowd.colour), edge = crowd.edge ? look(crowd.edge) : "";
  const one = (at) => {
    pen.beginPath();
    pen.arc(px(x[at]), py(y[at]), radius, 0, 7);
    pen.fillStyle = by ? RAMP[Math.max(0, Math.min(STEPS, Math.round((STEPS * (by[at] - low)) / (high - low || 1))))] ?? plain : plain;
    pen.fill();
    if (edge) pen.stroke();
  };
  pen.strokeStyle = edge;
  pen.lineWidth = 0.7;
  for (const strong of lit ? [false, true] : [true]) {
    pen.globalAlpha = strong ? (lit ? 1 : crowd.alpha) : 0.07;
    for (let at = 0; at < x.length; at++) if (!lit || lit.has(at) === strong) one(at);
  }
}
