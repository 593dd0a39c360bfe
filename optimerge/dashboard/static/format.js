/** Numbers, times and names as people read them. */

const MINUS = "\u2212";

/** @param {number} value @param {number} digits after the point @returns {string} */
function fixed(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

/** A number alone: about three significant digits. @param {?number} value @returns {string} */
function plain(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value < 0 ? `${MINUS}∞` : "∞";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return fixed(value, 0);
  if (size !== 0 && size < 1e-3 && size >= 1e-6) return `${value < 0 ? MINUS : ""}${Number(size.toPrecision(2)).toFixed(8).replace(/0+$/, "")}`;
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace("-", MINUS);
  return fixed(value, size >= 100 ? 1 : size >= 10 ? 2 : size >= 0.1 || size === 0 ? 3 : size >= 0.01 ? 4 : 5);
}

/** Digits after the point that a column deserves: two of its typical error, else three of its size.
 *  @param {(?number)[]} errors @param {(?number)[]} [values] @returns {number} */
export function digitsOf(errors, values = []) {
  const known = errors.filter((each) => each > 0).sort((a, b) => a - b);
  if (known.length) return Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(known[known.length >> 1]))));
  let most = 0, whole = true;
  for (const each of values) if (Number.isFinite(each)) { most = Math.max(most, Math.abs(each)); whole &&= Number.isInteger(each); }
  if (whole && most > 1) return 0;
  if (most >= 10) return most >= 1000 ? 0 : most >= 100 ? 1 : 2;
  return most >= 0.05 || most === 0 ? 3 : Math.min(8, 2 - Math.floor(Math.log10(most)));
}

/** A number with so many digits after the point, the same down a column. @param {?number} value @param {number} digits */
export function valued(value, digits) {
  return typeof value === "number" && Number.isFinite(value) ? fixed(value, digits) : plain(value);
}

/** How parameters of several kinds are shown under each other: fractions alike, counts as they are, tiny ones with their digits.
 *  @param {any[]} values @returns {(value: any) => string} */
export function likeness(values) {
  const fractions = values.filter((each) => typeof each === "number" && (!Number.isInteger(each) || Math.abs(each) === 1)), digits = digitsOf([], fractions);
  return (value) => {
    if (value === null || value === undefined) return "–";
    if (typeof value !== "number") return String(value);
    const broken = fractions.some((each) => !Number.isInteger(each)), tiny = value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits, count = Number.isInteger(value) && (Math.abs(value) > 1 || !broken);
    return tiny || count ? plain(value) : valued(value, digits);
  };
}

/** How both ends of an axis are shown. @param {number} low @param {number} high @returns {(value: number) => string} */
export function between(low, high) {
  const digits = digitsOf([], [low, high]);
  return (value) => valued(value, digits);
}

/** A value with its error: 0.612 ± 0.013. @param {?number} value @param {?number} [error] @param {number} [digits] else those that the error leaves */
export function withError(value, error, digits) {
  if (value === null || value === undefined) return "–";
  if (!error) return digits === undefined ? plain(value) : valued(value, digits);
  const many = digits ?? digitsOf([error]);
  return `${valued(value, many)} ± ${error.toFixed(many)}`;
}

/** A difference with its sign: +0.031 ± 0.017. @param {?number} value @param {?number} [error] @param {number} [digits] */
export function signed(value, error, digits) {
  const text = withError(value, error, digits);
  return value > 0 && !/^[0.]+$/.test(text) ? `+${text}` : text;
}

/** @param {?number} seconds @returns {string} such as 1 h 32 min */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.1) return seconds <= 0 ? "0 s" : seconds < 0.001 ? "<1 ms" : `${Math.round(1000 * seconds)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** @param {?string} iso @returns {string} the time of day here, with the day if it is another */
export function clock(iso) {
  if (!iso) return "–";
  const when = new Date(iso);
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (when.toDateString() === new Date().toDateString()) return time;
  return `${when.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

/** @param {?number} share 0 to 1 @returns {string} */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  const text = 100 * share;
  if (share > 0 && text < 1) return "<1 %";
  if (share < 1 && text > 99) return ">99 %";
  return `${Math.round(text)} %`;
}

/** @param {number} count @returns {string} 7.24 billion */
export function counted(count) {
  if (count >= 1e9) return `${(count / 1e9).toPrecision(3)} billion`;
  if (count >= 1e6) return `${(count / 1e6).toPrecision(3)} million`;
  return count.toLocaleString("en");
}

/** @param {{name: string, direction: string}} objective @returns {string} gsm8k ↑ */
export function titled(objective) {
  return `${objective.name} ${objective.direction === "minimize" ? "↓" : "↑"}`;
}

/** What a trial is called in a sentence. @param {string} name @returns {string} */
export function called(name) {
  return /^\d+$/.test(name) ? `trial ${name}` : name;
}

/** A long name cut in its middle, where the ends tell more. @param {string} name @param {number} length */
export function cut(name, length) {
  if (name.length <= length) return name;
  const head = Math.ceil((length - 1) / 2);
  return `${name.slice(0, head)}…${name.slice(name.length - (length - 1 - head))}`;
}

/** A model's name without whose it is, which seldom tells two apart. @param {string} name */
export const bare = (name) => name.split("/").at(-1) || name;

/** Text that plotly shows as it is: it takes tags and entities in labels. @param {string} text */
export function literal(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
