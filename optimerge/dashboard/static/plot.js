/** One way to draw and to draw again: charts of our own, and plotly.js for what is solid. */

import { chart, render } from "./chart.js";
import { look } from "./dom.js";
import { hide, show } from "./tip.js";

/** @type {Promise<any>|null} */
let loading = null;

/** Load plotly once. @returns {Promise<any>} */
function plotly() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "/plotly.js";
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

/** What every axis has. @param {string} title */
export const axis = (title, more = {}) => ({ title: { text: title }, ...more });

export const narrow = () => innerWidth < 620;

/** Pictures follow their place, also where a panel opens beside it. */
const follow = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (!target.clientWidth) continue;
    if (target._fullLayout) { if (Math.abs(target._fullLayout.width - target.clientWidth) > 1) window.Plotly.Plots.resize(target); continue; }
    if (target.frame && (target.frame.width !== target.clientWidth || target.frame.height !== target.clientHeight)) render(target);
  }
});

/** Draw, or draw again with the zoom kept while `uirevision` is the same. `save`: what saves the picture. */
export function draw(place, traces, given, save = null) {
  const first = !place.chart;
  chart(place, traces, given, { narrow: narrow(), save });
  if (!first) return;
  follow.observe(place);
  place.on("point", ({ event, points: [{ trace, at }] }) => { if (trace.told) show(event, [document.createTextNode(trace.told(at))]); });
  place.on("leave", hide);
}

/** Draw in three dimensions, which plotly does. */
export async function solid(place, traces, scene, uirevision) {
  const Plotly = await plotly();
  await Plotly.react(place, traces, { scene, uirevision, margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", showlegend: false, font: { family: "system-ui, sans-serif", size: 12, color: look("ink") },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: look("soft"), activecolor: look("blue"), orientation: "h" } },
  { displaylogo: false, responsive: true, displayModeBar: narrow() ? false : "hover", modeBarButtons: [["orbitRotation", "resetCameraDefault3d", "toImage"]] });
  follow.observe(place);
}
