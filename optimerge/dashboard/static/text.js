/** Text to copy and to download. */

import { el, say } from "./dom.js";

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = el("textarea", { class: "unseen", value: text });  // without https the clipboard has only this way
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }
}

/** @param {string} text @param {string} [label] */
export function copyButton(text, label = "Copy") {
  const button = el("button", { type: "button", class: "small", "data-key": `copy:${text.slice(0, 40)}`, onclick: async () => {
    const done = await copy(text);
    button.textContent = done ? "Copied" : "Select and copy it by hand";
    say(button.textContent);
    setTimeout(() => { button.textContent = label; }, 1500);
  } }, label);
  return button;
}

/** @param {string} text @param {string} name of the file */
function download(text, name) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: "application/yaml" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** The recipe as `optimerge export` writes it. @param {any} found */
export function recipe(found) {
  const text = found.exported || found.recipe;
  const name = `trial-${String(found.name).replace(/[^\w.+-]/g, "_")}.yaml`;
  return el("div", { class: "recipe" }, el("div", { class: "row" }, copyButton(text), el("button", { type: "button", class: "small", id: "download", "data-key": "download", onclick: () => download(text, name) }, "Download"), el("span", { class: "soft" }, name)),
    el("pre", { id: "recipe", tabindex: "0", "data-scroll": "recipe", "aria-label": "Recipe" }, text));
}
