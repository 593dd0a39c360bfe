/** Where the names of marked points go so that they cover neither each other nor the marks. */

const NEAR = [[8, -15], [8, 2], [-8, -15, 1], [-8, 2, 1], [0, -23, 0.5], [0, 9, 0.5], [10, -7], [-10, -7, 1]];
const RINGS = [24, 38, 56, 78, 104], TURNS = 16, HIGH = 14;
const overlap = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));

/** Boxes that a name may take, the dearest last. */
function* boxes([px, py], wide) {
  for (const [dx, dy, back = 0] of NEAR) yield [0, [px + dx - back * wide, py + dy, px + dx - back * wide + wide, py + dy + HIGH]];
  for (const ring of RINGS) {
    for (let turn = 0; turn < TURNS; turn++) {
      const cx = px + ring * Math.cos((2 * Math.PI * turn) / TURNS), cy = py - ring * Math.sin((2 * Math.PI * turn) / TURNS);
      const left = cx - (1 - Math.cos((2 * Math.PI * turn) / TURNS)) * wide / 2;
      yield [25 + ring, [left, cy - HIGH / 2, left + wide, cy + HIGH / 2]];
    }
  }
}

/** @param {[number, number][]} marks in pixels @param {number[]} widths of their names @param {[number, number][]} others points that had better stay visible
 *  @param {number} width @param {number} height
 *  @returns {({box: number[], leader: ?number[]}|null)[]} null where there is no room */
export function placed(marks, widths, others, width, height) {
  const taken = marks.map(([x, y]) => [x - 7, y - 7, x + 7, y + 7]), soft = others.map(([x, y]) => [x - 4, y - 4, x + 4, y + 4]);
  return marks.map((mark, at) => {
    if (!(mark[0] >= -1 && mark[0] <= width + 1 && mark[1] >= -1 && mark[1] <= height + 1)) return null;  // out of the picture
    let found = null, least = Infinity;
    for (const [dear, box] of boxes(mark, widths[at])) {
      if (dear >= least) break;
      if (box[0] < -4 || box[2] > width + 10 || box[1] < -12 || box[3] > height + 4) continue;
      if (taken.some((other, i) => (i !== at || dear) && overlap(box, other) > 2)) continue;
      const cost = dear + soft.reduce((sum, other) => sum + 0.7 * overlap(box, other), 0);
      if (cost < least) { least = cost; found = { box, leader: dear ? leader(mark, box) : null }; }
    }
    if (found) taken.push([found.box[0] - 3, found.box[1] - 1, found.box[2] + 3, found.box[3] + 1]);
    return found;
  });
}

/** The thin line from a mark to its name. */
function leader([px, py], [left, top, right, bottom]) {
  const x = Math.max(left, Math.min(right, px)), y = Math.max(top + 2, Math.min(bottom - 2, py)), long = Math.hypot(x - px, y - py) || 1;
  return [px + (6 * (x - px)) / long, py + (6 * (y - py)) / long, x, y];
}
