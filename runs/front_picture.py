"""Makes docs/pictures/front.png: the Pareto front of a real search, in two objectives.

    python runs/front_picture.py              # three minutes: trains the demo's models, searches
    python runs/front_picture.py --run RUN    # the first two objectives of a run that is there

The search: the demo's models and ranges, two of their three tasks, 60 trials, each scored on all
of its items.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from optimerge.api.run import load_run
from optimerge.figures.style import BLUE, GREY, ORANGE, draw, label
from optimerge.front.choose import choose
from optimerge.front.front import Front, make_front
from optimerge.records.types import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

TO = Path(__file__).parents[1] / "docs" / "pictures" / "front.png"
OPTIMERGE = (sys.executable, "-m", "optimerge")
Point = tuple[float, float]
MARGIN = 0.06
TASKS = ("zoo_add", "zoo_shift")
TRIALS = 60
PLACES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""Where a name may stand from its mark, the liked places first."""
SIDES = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--run", type=Path, help="A run to show instead of a new search.")
    parser.add_argument("--to", type=Path, default=TO, help="File to write.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or search(Path(folder))
        front = two_of(load_run(run).front())
        given.to.parent.mkdir(parents=True, exist_ok=True)
        given.to.write_bytes(front_picture(front))


def search(folder: Path) -> Path:
    """Train the demo's models, search two of their tasks, and return the run."""
    subprocess.run([*OPTIMERGE, "zoo", str(folder / "zoo")], check=True)
    space = yaml.safe_load((folder / "zoo" / "space.yaml").read_text())
    space["objectives"] = [o for o in space["objectives"] if o.get("task") in TASKS]
    file = folder / "zoo" / "two.yaml"
    file.write_text(yaml.safe_dump(space))
    words = ["search", str(file), "--run-dir", str(folder / "run"), "--trials", str(TRIALS)]
    subprocess.run([*OPTIMERGE, *words, "--no-racing", "--device", "cpu"], check=True)
    return folder / "run"


def two_of(front: Front) -> Front:
    """Return the front in the first two objectives; SystemExit if one of them is minimised."""
    names = list(front.objectives)[:2]
    if [front.objectives[name] for name in names] != ["maximize"] * 2:
        raise SystemExit(f"the picture wants two objectives to maximise, not {', '.join(names)}")
    return make_front(front.trials, dict.fromkeys(names, "maximize"))


def front_picture(front: Front) -> bytes:
    """Return a front of two objectives, to maximise, as a PNG, 900 pixels wide.

    Parents are hollow, merges filled; shaded is what the front dominates.
    """
    return draw(900 / 130, 4.6, lambda figure: fill(figure, front), "png")


def fill(figure: "Figure", front: Front) -> None:
    """Draw it."""
    axes = figure.subplots()
    names = list(front.objectives)
    scored, members = front.trials, front.members
    edge = shade(axes, points(members, names), points(scored, names))
    beaten = [t for t in scored if not t.is_parent and t not in members]
    on_front = [t for t in members if not t.is_parent]
    parents = [t for t in scored if t.is_parent]
    scatter(axes, points(beaten, names), s=26, color=GREY, alpha=0.7, label="merge, dominated")
    scatter(axes, points(on_front, names), s=46, color=BLUE, label="merge on the front")
    scatter(axes, points(parents, names), s=64, marker="D", facecolors="white", edgecolors=ORANGE,
            linewidths=1.8, label="parent")  # fmt: skip
    label(axes, *(f"{name}: share of right answers" for name in names))
    figure.legend(loc="outside lower center", ncols=3)
    named = [(t.name, t) for t in parents]
    named += [("plain average", t) for t in scored if t.origin == "warm:average"]
    named += [("knee", choose(front, "knee"))]
    places = {name: points([t], names)[0] for name, t in named}
    place_names(axes, places, [*points(scored, names), *edge])


def points(trials: Iterable[Trial], names: Sequence[str]) -> list[Point]:
    """Return the scores of trials in two objectives."""
    return [(t.scores[names[0]].value, t.scores[names[1]].value) for t in trials]


def scatter(axes: "Axes", at: Sequence[Point], **look: object) -> None:
    """Draw marks over the lines."""
    if at:
        axes.scatter(*zip(*at, strict=True), zorder=3, **look)  # type: ignore[arg-type]


def shade(axes: "Axes", members: Sequence[Point], scored: Sequence[Point]) -> list[Point]:
    """Shade what the members dominate, and draw its edge; return points all along the edge."""
    corner = [min(p[i] for p in scored) - MARGIN for i in (0, 1)]
    axes.set_xlim(corner[0], max(x for x, _ in scored) + MARGIN)
    axes.set_ylim(corner[1], max(y for _, y in scored) + MARGIN)
    steps = sorted(members)
    across = [corner[0], *(x for x, _ in steps), steps[-1][0]]
    up = [steps[0][1], *(y for _, y in steps), corner[1]]
    axes.fill_between(across, up, corner[1], step="pre", color=BLUE, alpha=0.09, linewidth=0)
    axes.step(across, up, where="pre", color=BLUE, linewidth=1.2)
    corners = [(x, y) for pair, y in zip(pairwise(across), up[1:], strict=True) for x in pair]
    return [
        (a[0] + (b[0] - a[0]) * part / 20, a[1] + (b[1] - a[1]) * part / 20)
        for a, b in pairwise(corners)
        for part in range(20)
    ]


def place_names(axes: "Axes", names: dict[str, Point], marks: list[Point]) -> "list[Annotation]":
    """Write each name beside its mark, where it covers neither a name, a mark nor the frame."""
    figure = axes.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]
    dots = axes.transData.transform(marks)
    placed: list[Annotation] = []
    for name, at in names.items():
        best, least = PLACES[0], float("inf")
        for place in PLACES:
            text = annotate(axes, name, at, place)
            box = text.get_window_extent().padded(3)
            covered = sum(box.contains(*dot) for dot in dots)
            covered += sum(10 * box.overlaps(other.get_window_extent()) for other in placed)
            inside = axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max)
            if (cost := covered + 10 * (not inside)) < least:
                best, least = place, cost
            text.remove()
        placed.append(annotate(axes, name, at, best))
    return placed


def annotate(axes: "Axes", name: str, at: Point, place: tuple[int, int]) -> "Annotation":
    """Write a name at some distance from its mark, to the side that `place` says."""
    return axes.annotate(
        name, at, xytext=(8 * place[0], 8 * place[1]), textcoords="offset points",
        ha=SIDES[place[0]][0], va=SIDES[place[1]][1], zorder=5,
    )  # fmt: skip


if __name__ == "__main__":
    main()
