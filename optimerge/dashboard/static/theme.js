/** Dark or light: as the system has it, or as a person said here. */

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const SHOWN = { auto: ["◐", "as the system"], light: ["☀", "light"], dark: ["☾", "dark"] };

function kept() {
  try { return localStorage.getItem("optimerge-theme") ?? "auto"; } catch { return "auto"; }  // storage may be forbidden
}

/** @param {HTMLButtonElement} button @param {() => void} redraw */
export function themes(button, redraw) {
  let now = kept();
  const show = () => {
    if (now === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = now;
    const [sign, text] = SHOWN[now] ?? SHOWN.auto;
    button.textContent = sign;
    button.setAttribute("aria-label", `Colours: ${text}`);
    button.title = `Colours: ${text}`;
  };
  button.addEventListener("click", () => {
    now = NEXT[now] ?? "auto";
    try { localStorage.setItem("optimerge-theme", now); } catch { /* then it is forgotten with the page */ }
    show();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  show();
}
