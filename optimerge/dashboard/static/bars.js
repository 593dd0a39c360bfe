/** Plain bars: a name, a bar, a number. */

import { el, svg } from "./dom.js";

/** A bar of a share of the longest. @param {number} share 0 to 1 */
export function strip(share) {
  return svg("svg", { class: "barbox", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: "bar own", x: 0, y: 1, width: Math.max(0.5, 100 * share), height: 8 }));
}

/** A bar a layer, the tallest the whole height. @param {(?number)[]} shares @param {(share: ?number) => string} shown */
export function columns(shares, shown) {
  const most = Math.max(...shares.map((each) => each ?? 0), 1e-9), high = 44, count = shares.length;
  const bars = shares.map((each, at) => svg("g", {}, svg("title", {}, `layer ${at}: ${shown(each)}`), svg("rect", { class: "under", x: at, y: 0, width: 1, height: high }),
    svg("rect", { class: "bar own", x: at + 0.08, y: high - Math.max(0.5, (high * (each ?? 0)) / most), width: 0.84, height: Math.max(0.5, (high * (each ?? 0)) / most) })));
  const best = shares.reduce((top, each, at) => ((each ?? 0) > (shares[top] ?? 0) ? at : top), 0);
  return el("div", { class: "columns-strip" }, svg("svg", { viewBox: `0 0 ${count} ${high}`, preserveAspectRatio: "none", role: "img", "aria-label": `Share by layer: most at layer ${best}, ${shown(shares[best])}` }, bars),
    el("div", { class: "mini-x soft" }, el("span", {}, "layer 0"), el("span", {}, `most: layer ${best}, ${shown(shares[best])}`), el("span", {}, String(count - 1))));
}
