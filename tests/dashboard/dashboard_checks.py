"""What is measured in the browser itself: contrast, width, and the way of the keyboard."""

from typing import Any

from dashboard_browser import Page

CONTRAST = r"""
const parse = (text) => { const n = text.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
const over = (top, under) => [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * under[i]);
const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = (node) => {
  const layers = [];
  for (let at = node; at; at = at.parentElement) {
    const c = parse(getComputedStyle(at).backgroundColor);
    if (c[3] > 0) layers.push(c);
    if (c[3] === 1) break;
  }
  let found = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  for (const layer of layers.reverse()) found = over(layer, found);
  if (!(node instanceof SVGElement)) return found;
  const box = node.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
  for (const below of node.ownerSVGElement.querySelectorAll("rect")) {  // cells that text stands on
    const at = below.getBoundingClientRect(), style = getComputedStyle(below);
    if (style.fill === "none" || below.compareDocumentPosition(node) !== Node.DOCUMENT_POSITION_FOLLOWING) continue;
    if (x < at.left || x > at.right || y < at.top || y > at.bottom) continue;
    const fill = parse(style.fill);
    fill[3] *= Number(style.fillOpacity) * Number(style.opacity);
    found = over(fill, found);
  }
  return found;
};
const seen = (node) => {
  const box = node.getBoundingClientRect();
  return node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && box.width > 2 && box.height > 2
    && box.right > 0 && !node.closest(".unseen, :disabled, option, [aria-hidden=true]");
};
const texts = new Map();
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
  if (text && !["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) texts.set(node, text);
}
for (const node of document.querySelectorAll("select, input:not([type=range], [type=checkbox])")) texts.set(node, node.value);
const bad = [];
let count = 0;
for (const [node, text] of texts) {
  if (!seen(node)) continue;
  count += 1;
  const style = getComputedStyle(node), drawn = node instanceof SVGElement;
  const colour = parse(drawn ? style.fill : style.color);
  for (let at = node; at; at = at.parentElement) colour[3] *= Number(getComputedStyle(at).opacity);
  if (drawn) colour[3] *= Number(style.fillOpacity);
  const under = ground(node), [a, b] = [light(over(colour, under)), light(under)].sort((p, q) => q - p);
  const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
  const least = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
  if (ratio < least) bad.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)} of ${least} (${node.tagName} ${node.getAttribute("class") ?? ""})`);
}
return [count, bad];
"""

STICKING = r"""
const bad = [];
const held = (node) => { for (let at = node.parentElement; at && at !== document.body; at = at.parentElement) {
  const style = getComputedStyle(at); if (at instanceof HTMLElement && style.overflowX !== "visible") return true; } return false; };
for (const node of document.body.querySelectorAll("*")) {
  if (!node.checkVisibility() || node.closest(".unseen, .skip, .js-plotly-plot, #js-plotly-tester")) continue;
  const box = node.getBoundingClientRect();
  if (box.width && (box.right > innerWidth + 1 || box.left < -1) && !held(node)) bad.push(`${node.tagName} ${node.className} ${box.left} to ${box.right}`);
}
if (document.documentElement.scrollWidth > innerWidth) bad.push(`the page is ${document.documentElement.scrollWidth} wide`);
return bad;
"""

CONTROLS = r"""
window.reached = new Set();
window.controls = [...document.querySelectorAll("a[href], button, select, input, summary, [tabindex]")].filter((node) =>
  node.checkVisibility({ visibilityProperty: true }) && !node.disabled && node.tabIndex >= 0);
document.activeElement.blur();
scrollTo(0, 0);
return window.controls.length;
"""

REACHED = r"""
const node = document.activeElement;
if (!node || node === document.body) return null;
const again = window.reached.has(node);
window.reached.add(node);
const style = getComputedStyle(node), box = node.getBoundingClientRect();
let clear = 1;
for (let at = node; at; at = at.parentElement) clear *= Number(getComputedStyle(at).opacity);
const ring = clear > 0.9 && node.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
return [again, ring, inside, `${node.tagName} ${node.dataset.key ?? node.id} ${(node.getAttribute("aria-label") ?? node.textContent).slice(0, 30)}`];
"""

LEFT = r"""
return window.controls.filter((node) => node.isConnected && !window.reached.has(node)).map((node) =>
  `${node.tagName} ${node.dataset.key ?? node.id} ${(node.getAttribute("aria-label") ?? node.textContent).slice(0, 30)}`);
"""


def low_contrast(page: Page) -> list[str]:
    """Return the visible texts whose contrast is below WCAG 2.2 AA, with what it is."""
    count, bad = page.run(CONTRAST)
    assert count > 10
    return list(bad)


def sticking_out(page: Page) -> list[str]:
    """Return what reaches over the window's sides and cannot be scrolled to in a box of its own."""
    return list(page.run(STICKING))


def walked(page: Page) -> tuple[list[str], list[str], list[str]]:
    """Press Tab until all was reached; return what was not reached, has no ring, is out of sight."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    count = int(page.run(CONTROLS))
    assert count > 5
    ringless, hidden = [], []
    for _ in range(2 * count + 20):
        ActionChains(page.driver, duration=0).send_keys(Keys.TAB).perform()
        found: Any = page.run(REACHED)
        if found is None:
            continue
        again, ring, inside, name = found
        if again:
            break
        if not ring:  # it may be on its way
            page.run("window.reached.delete(document.activeElement)")
            page.driver.execute_async_script("setTimeout(arguments[0], 500)")
            _, ring, inside, name = page.run(REACHED)
        if not ring:
            ringless.append(name)
        if not inside:
            hidden.append(name)
    return list(page.run(LEFT)), ringless, hidden
