"""The Pareto front as a picture: every pair of objectives, parents named, members' errors."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from optimerge.figures.style import BLUE, GREEN, GREY, ORANGE, Form, draw, label, short
from optimerge.front.directions import better
from optimerge.front.front import Front
from optimerge.front.losses import to_loss
from optimerge.records.types import Direction, Trial

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 4
"""Objectives of which every pair is drawn: six pictures."""


def front_figure(front: Front, chosen: Trial | None = None, form: Form = "svg") -> bytes:
    """Return the front as a file's bytes: one picture a pair of objectives, of the first four.

    Merges on the front are full circles with their standard errors, others small rings, those that
    break a constraint crosses, parents diamonds with their names; `chosen` is a star. Marks differ
    in shape, not in colour alone. With one objective: its value by the number of the trial.
    """
    names = list(front.objectives)[:MOST]
    pairs = list(combinations(names, 2)) or [(names[0], names[0])]
    across = min(len(pairs), 3)
    down = -(-len(pairs) // across)

    def fill(figure: "Figure") -> None:
        grid = figure.subplots(down, across, squeeze=False).flat
        for axes, (first, second) in zip(grid, pairs, strict=False):
            if len(names) == 1:
                _by_number(axes, front, first, chosen)
            else:
                _pair(axes, front, first, second, chosen)
        for axes in list(grid)[len(pairs) :]:
            axes.set_axis_off()
        handles, labels = _legend(figure)
        figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)))

    return draw(max(6.4, 3.9 * across), 3.4 * down + 0.6, fill, form)


def _legend(figure: "Figure") -> tuple[list["Artist"], list[str]]:
    found: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(text, handle)
    return list(found.values()), list(found)


def _pair(axes: "Axes", front: Front, first: str, second: str, chosen: Trial | None) -> None:
    members = front.merges
    others = [t for t in front.trials if t not in front.members and not t.is_parent]

    def at(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
        return [t.scores[first].value for t in trials], [t.scores[second].value for t in trials]

    beaten = [t for t in others if t.feasible]
    broken = [t for t in others if not t.feasible]
    if beaten:
        axes.scatter(*at(beaten), s=14, facecolors="none", edgecolors=GREY, label="dominated merge")
    if broken:
        axes.scatter(*at(broken), s=18, marker="x", color=GREY, label="breaks a constraint")
    _staircase(axes, *at(front.members), front.objectives[first], front.objectives[second])
    if members:
        across, up = at(members)
        wide, high = _errors(members, first), _errors(members, second)
        axes.errorbar(across, up, high, wide, fmt="none", ecolor=BLUE, elinewidth=0.6, alpha=0.45)
        axes.scatter(across, up, s=30, color=BLUE, zorder=3, label="merge on the front")
    parents = [t for t in front.trials if t.is_parent]
    if parents:
        axes.scatter(*at(parents), s=38, marker="D", color=ORANGE, zorder=4, label="parent")
        for trial, x, y in zip(parents, *at(parents), strict=True):
            axes.annotate(
                short(trial.name), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8
            )
    if chosen is not None:
        axes.scatter(
            *at([chosen]), s=190, marker="*", color=GREEN, edgecolors="white", zorder=5,
            label="the choice",
        )  # fmt: skip
    label(axes, _titled(first, front.objectives), _titled(second, front.objectives))


def _by_number(axes: "Axes", front: Front, name: str, chosen: Trial | None) -> None:
    """Draw one objective by the trials' order, with the best so far."""
    trials = [t for t in front.trials if t.feasible]
    values = np.array([t.scores[name].value for t in trials])
    sign = to_loss(1.0, front.objectives[name])
    best_so_far = sign * np.minimum.accumulate(sign * values)
    places = np.arange(len(trials))
    is_parent = np.array([t.is_parent for t in trials], dtype=np.bool_)
    axes.step(places, best_so_far, where="post", color=BLUE, label="best so far")
    axes.scatter(places[~is_parent], values[~is_parent], s=14, color=GREY, label="merge")
    axes.scatter(
        places[is_parent], values[is_parent], s=38, marker="D", color=ORANGE, label="parent"
    )
    if chosen in trials:
        place = trials.index(chosen)
        axes.scatter([place], [values[place]], s=190, marker="*", color=GREEN, label="the choice")
    label(axes, "trials, parents first", _titled(name, front.objectives))


def _staircase(
    axes: "Axes", across: list[float], up: list[float], first: Direction, second: Direction
) -> None:
    """Draw the edge of what the members dominate in this pair of objectives."""
    if not across:
        return
    x, y = np.array(across), np.array(up)
    order = np.lexsort((to_loss(1.0, second) * y, to_loss(1.0, first) * x))
    x, y = x[order], y[order]
    lowest = np.minimum.accumulate(to_loss(1.0, second) * y)
    kept = np.r_[True, lowest[1:] < lowest[:-1]]
    axes.step(x[kept], y[kept], where="post", color=BLUE, linewidth=0.9, alpha=0.6)


def _errors(trials: Sequence[Trial], name: str) -> list[float]:
    return [t.scores[name].stderr or 0.0 for t in trials]


def _titled(name: str, objectives: Mapping[str, Direction]) -> str:
    return f"{short(name)} ({better(objectives[name])})"
