/** Where the names of marked points go so that they do not cover each other. */

// the sides first: error bars run through the middle
const PLACES = [["top right", 0, -1.5], ["bottom right", 0, 0.5], ["top left", -1, -1.5], ["bottom left", -1, 0.5],
  ["top center", -0.5, -1.5], ["bottom center", -0.5, 0.5], ["middle right", 0.12, -0.5], ["middle left", -1.12, -0.5]];

/** @param {[number, number][]} points @param {string[]} names
 *  @param {[number, number, number, number]} range of the axes: x, x, y, y @param {number} width @param {number} height
 *  @returns {string[]} plotly's textposition of each */
export function placed(points, names, [x0, x1, y0, y1], width, height) {
  const taken = points.map(([x, y]) => {
    const px = ((x - x0) / (x1 - x0 || 1)) * width, py = (1 - (y - y0) / (y1 - y0 || 1)) * height;
    return [px - 7, py - 7, px + 7, py + 7];
  });
  return points.map((_, at) => {
    const px = taken[at][0] + 7, py = taken[at][1] + 7, long = names[at].length * 6.6 + 4, high = 15;
    let found = PLACES[0], least = Infinity, box = null;
    for (const place of PLACES) {
      const left = px + place[1] * long + (place[1] === 0.12 ? 6 : place[1] === -1.12 ? -6 : 0), top = py + place[2] * high;
      const here = [left, top, left + long, top + high];
      let cost = taken.reduce((sum, other, i) => sum + (i === at ? 0 : overlap(here, other)), 0);
      cost += 4 * (outside(here[0], width) + outside(here[2], width)) * high + 4 * (outside(top, height) + outside(top + high, height)) * long;
      if (cost < least) { least = cost; found = place; box = here; }
    }
    taken.push(box);
    return found[0];
  });
}

function overlap(a, b) {
  return Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
}

function outside(value, size) {
  return Math.max(0, -value, value - size);
}
