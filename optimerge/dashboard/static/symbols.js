/** Outlines of marks about 0, 0, for a side of so many pixels. */

const OUTLINES = {
  circle: (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
  square: (r) => `M${-r} ${-r}H${r}V${r}H${-r}z`,
  diamond: (r) => `M0 ${-1.3 * r}L${1.3 * r} 0L0 ${1.3 * r}L${-1.3 * r} 0z`,
  "triangle-down": (r) => `M${-r} ${-0.6 * r}H${r}L0 ${1.1 * r}z`,
  "triangle-up": (r) => `M${-r} ${0.6 * r}H${r}L0 ${-1.1 * r}z`,
  cross: (r) => `M${-r} ${-r / 3}H${-r / 3}V${-r}H${r / 3}V${-r / 3}H${r}V${r / 3}H${r / 3}V${r}H${-r / 3}V${r / 3}H${-r}z`,
  "x-thin": (r) => `M${-r} ${-r}L${r} ${r}M${r} ${-r}L${-r} ${r}`,
  star: (r) => `M${Array.from({ length: 10 }, (_, at) => { const long = at % 2 ? 0.5 * r : 1.25 * r, turn = (at * Math.PI) / 5; return `${(long * Math.sin(turn)).toFixed(2)} ${(-long * Math.cos(turn)).toFixed(2)}`; }).join("L")}z`,
};

/** @param {string} symbol such as "square-open" @param {number} size in pixels @returns {{d: string, open: boolean}} */
export function outline(symbol, size) {
  const open = symbol.includes("-open"), name = symbol.replace("-open-dot", "").replace("-open", "");
  return { d: (OUTLINES[name] ?? OUTLINES.circle)(size / 2), open };
}
