/** plotly.js with the colours of the page: one way to draw and to draw again. */

import { look } from "./dom.js";

/** @type {Promise<any>|null} */
let loading = null;

/** Load plotly once. @returns {Promise<any>} */
export function plotly() {
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
export function axis(title, more = {}) {
  return { title: { text: title, standoff: 8 }, gridcolor: look("line"), zeroline: false, linecolor: look("line"),
    ticks: "outside", ticklen: 4, tickcolor: look("line"), automargin: true, nticks: 7, ...more };
}

export const narrow = () => innerWidth < 620;

/** What every picture has. */
export function layout(more) {
  return { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
    font: { family: "system-ui, sans-serif", size: 12, color: look("ink") }, margin: { l: 56, r: 14, t: 26, b: 46 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: look("soft"), activecolor: look("blue"), orientation: "h" }, dragmode: narrow() ? false : "zoom", ...more };
}

/** Pictures follow their place, also where a panel opens beside it: plotly itself only follows the window. */
const follow = new ResizeObserver((seen) => {
  for (const { target, contentRect } of seen) {
    const had = target._fullLayout;
    if (had && contentRect.width && Math.abs(had.width - target.clientWidth) > 1) window.Plotly.Plots.resize(target);
  }
});

/** Draw, or draw again with the zoom kept while `uirevision` is the same. `save`: what saves the picture, if plotly's own does not show all of it. */
export async function draw(place, traces, given, save = null) {
  const Plotly = await plotly();
  const camera = save ? { name: "save", title: "Download as a picture", icon: Plotly.Icons.camera, click: save } : "toImage";
  const buttons = given.scene ? ["orbitRotation", "resetCameraDefault3d", camera] : ["zoom2d", "pan2d", "resetScale2d", camera];
  await Plotly.react(place, traces, layout(given), { displaylogo: false, responsive: true, doubleClick: "reset",
    displayModeBar: narrow() ? false : "hover", modeBarButtons: [buttons] });
  follow.observe(place);
  return place;
}
