/** The front as a PNG: the picture, and what lies under and over it. */

import { look } from "./dom.js";
import { selected } from "./state.js";

const SCALE = 2, DRAWN = "text, line, path";
const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family", "font-weight", "paint-order", "opacity"];

function loaded(source) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error("the picture could not be made"));
    image.src = source;
  });
}

/** An SVG of the page as an image: its style is written into it, as no style sheet comes along. */
function standing(host, width, height) {
  const copy = host.cloneNode(true), parts = host.querySelectorAll(DRAWN);
  copy.querySelectorAll(DRAWN).forEach((each, at) => {
    const style = getComputedStyle(parts[at]);
    for (const name of STYLES) each.style.setProperty(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return loaded(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`);
}

/** Save the picture with everything that is seen in it. @param {HTMLElement} place */
export async function save(place) {
  const width = place.clientWidth, height = place.clientHeight, crowd = document.getElementById("front-crowd"), over = document.getElementById("front-over");
  const drawn = await standing(place.querySelector("svg.chart"), width, height);
  const canvas = Object.assign(document.createElement("canvas"), { width: width * SCALE, height: height * SCALE }), pen = canvas.getContext("2d");
  pen.fillStyle = look("page");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (!crowd.hidden) pen.drawImage(crowd, 0, 0, canvas.width, canvas.height);
  pen.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  if (!over.hasAttribute("hidden")) pen.drawImage(await standing(over, width, height), 0, 0, canvas.width, canvas.height);
  const link = Object.assign(document.createElement("a"), { download: `front-${selected().run}.png`, href: canvas.toDataURL("image/png") });
  link.click();
}
