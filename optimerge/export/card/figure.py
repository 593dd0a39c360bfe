"""The front of a run as a picture: what there was to choose from, and what was chosen."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from optimerge.front.front import Front, make_front
from optimerge.records.plain import one_line
from optimerge.records.run import Run
from optimerge.records.types import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS = 3
WIDTH, HEIGHT = 4.2, 3.8
"""Inches of a panel."""
MERGE, FRONT, PARENT, CHOSEN = "#b8bec6", "#2a6fb0", "#3d3d3d", "#d1495b"
NAME = "front.png"


def draw_front(run: Run, trial: Trial) -> bytes | None:
    """Return a PNG of the run's front on search scores, with one trial marked.

    A panel shows the first objective against each of the others, three at the most. The same run
    gives the same bytes with the same matplotlib. None if there is nothing to draw against.
    """
    front = make_front(run.trials(), run.info.objectives, run.reference, run.scales)
    names = list(front.objectives)
    if len(names) < 2 or not front.trials:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    others = names[1 : 1 + MOST_PANELS]
    figure = Figure(figsize=(WIDTH * len(others), HEIGHT), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    for place, other in enumerate(others):
        axes = figure.add_subplot(1, len(others), place + 1)
        _panel(axes, front, trial, names[0], other)
    signs = figure.axes[0].get_legend_handles_labels()
    columns = 4 if len(others) > 1 else 2
    figure.legend(*signs, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _panel(axes: "Axes", front: Front, trial: Trial, across: str, up: str) -> None:
    names = (across, up)
    merges = [t for t in front.trials if not t.is_parent]
    members = [t for t in front.members if not t.is_parent]
    parents = [t for t in front.trials if t.is_parent]
    axes.scatter(*_points(merges, names), s=14, color=MERGE, label="merges")
    axes.scatter(*_points(members, names), s=20, color=FRONT, label="Pareto front")
    axes.scatter(*_points(parents, names), s=34, color=PARENT, marker="D", label="parents")
    for parent in parents:
        place = (parent.scores[across].value, parent.scores[up].value)
        axes.annotate(_text(parent.name), place, (5, 4), textcoords="offset points", fontsize=7)
    axes.scatter(
        *_points([trial], names), s=130, color=CHOSEN, marker="*", label="this model", zorder=5
    )
    axes.set_xlabel(_axis(front, across), fontsize=9)
    axes.set_ylabel(_axis(front, up), fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)


def _points(trials: Sequence[Trial], names: tuple[str, str]) -> tuple[list[float], list[float]]:
    across, up = ([t.scores[name].value for t in trials] for name in names)
    return across, up


def _axis(front: Front, name: str) -> str:
    better = "larger" if front.objectives[name] == "maximize" else "smaller"
    return f"{_text(name)} (search, {better} is better)"


def _text(name: str) -> str:
    """Return a stranger's text as matplotlib draws it literally."""
    return one_line(name)[:40].replace("\\", "/").replace("$", r"\$")
