/** Round numbers along an axis. */

/** @param {number} low @param {number} high @param {number} most how many at the most @returns {{values: number[], text: (value: number) => string}} */
export function ticks(low, high, most) {
  const span = high - low || 1, raw = span / Math.max(1, most), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw * (1 - 1e-9)) ?? 10 * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), values = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * span; at++) values.push(at * step);
  const large = Math.max(Math.abs(low), Math.abs(high)) >= 1e6;
  return { values, text: (value) => (large ? value.toPrecision(3) : (Math.abs(value) < step / 1e6 ? 0 : value).toFixed(digits)) };
}

/** Ends of an axis that show these numbers, with a little room. @param {(?number)[][]} columns @param {{tozero?: boolean}} [how] @returns {[number, number]} */
export function ends(columns, how = {}) {
  let low = Infinity, high = -Infinity;
  for (const column of columns) for (const value of column) if (typeof value === "number" && Number.isFinite(value)) { if (value < low) low = value; if (value > high) high = value; }
  if (low > high) return [0, 1];
  if (how.tozero) { low = Math.min(0, low); high = Math.max(0, high); }
  const room = 0.045 * (high - low) || Math.abs(high) / 10 || 0.5;
  return [how.tozero && low === 0 ? 0 : low - room, high + room];
}
