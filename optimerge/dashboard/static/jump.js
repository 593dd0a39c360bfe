/** On a narrow screen the selected trial lies far below the front: a button leads there and back. */

import { el } from "./dom.js";
import { called, cut } from "./format.js";

const calmly = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

/** @param {HTMLElement} detail @param {() => string} name of what is selected */
export function jumps(detail, name) {
  let below = true;
  const button = el("button", { type: "button", id: "jump", class: "small", hidden: true, onclick: () => (below ? detail : document.getElementById("top")).scrollIntoView({ behavior: calmly(), block: "start" }) });
  document.body.append(button);
  const show = (seen) => {
    below = !seen;
    button.hidden = detail.hidden;
    button.textContent = seen ? "↑ front" : `${cut(called(name()), 24)} ↓`;
  };
  new IntersectionObserver(([each]) => show(each.isIntersecting), { threshold: 0 }).observe(detail);
  new MutationObserver(() => show(!below)).observe(detail, { attributes: true, attributeFilter: ["hidden"], childList: true });
}
