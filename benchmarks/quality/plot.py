"""Curves of gain on test items by merges, as SVG: one picture a group of surfaces, one of all."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.quality.lookup import GROUPS, group_of
from benchmarks.quality.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
TOP = 8
"""At most so many curves a picture: the champion and the best of the others."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d1f", "#777777")
"""Told apart by people who do not see all colours (Okabe and Ito 2008)."""
STYLES = ("-", "--", "-.", ":")


def plot(results: Results, folder: Path, champion: str, suffix: str = "svg") -> list[Path]:
    """Draw the pictures into a folder and return their paths."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "optimerge"  # the same runs, the same bytes
    found = []
    for group in (*GROUPS, "real merges"):
        surfaces = [s for s in results.surfaces if group_of(s) == group and _drawn(results, s)]
        if surfaces:
            name = group.replace(", ", "-").replace(" ", "-")
            found.append(folder / f"search-{name}.{suffix}")
            _picture(results, surfaces, champion, found[-1])
    return found


def _drawn(results: Results, surface: str) -> bool:
    return any(key.surface == surface for key in results.curves)


def _picture(results: Results, surfaces: Sequence[str], champion: str, path: Path) -> None:
    from matplotlib.figure import Figure

    columns = min(3, len(surfaces))
    rows = -(-len(surfaces) // columns)
    figure = Figure(figsize=(4.2 * columns + 0.4, 3.3 * rows + 1.1), layout="constrained", dpi=DPI)
    axes = figure.subplots(rows, columns, squeeze=False)
    labels = _shown(results, surfaces, champion)
    for place, surface in enumerate(surfaces):
        _panel(axes[place // columns][place % columns], results, surface, labels)
    for place in range(len(surfaces), rows * columns):
        axes[place // columns][place % columns].axis("off")
    for row in axes:
        row[0].set_ylabel("gain on test items")
    lines: dict[str, Any] = {}
    for each in figure.axes:
        for handle, label in zip(*each.get_legend_handles_labels(), strict=True):
            lines.setdefault(label, handle)
    figure.legend(
        [lines[x] for x in labels if x in lines],
        [x for x in labels if x in lines],
        loc="outside lower center",
        ncols=min(4, len(lines)),
        fontsize=8,
        frameon=False,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _shown(results: Results, surfaces: Sequence[str], champion: str) -> list[str]:
    """Return the champion, then the contestants with the best end on these surfaces."""
    ends = {}
    for label in results.labels:
        last = [
            results.gain_curve(key, "test")[-1]
            for key in results.curves
            if key.label == label and key.surface in surfaces
        ]
        if last and label != champion:
            ends[label] = float(np.mean(last))
    best = sorted(ends, key=lambda label: -ends[label])
    keep = [x for x in best if x.startswith(("random@native", "mmmo_as_released@native"))]
    others = [x for x in best if x not in keep][: TOP - 1 - len(keep)]
    own = [champion] if champion in results.labels else []
    return own + sorted(others + keep, key=best.index)


def _panel(axes: "Axes", results: Results, surface: str, labels: Sequence[str]) -> None:
    """Draw means over seeds; the band is the middle half of the first label's seeds."""
    for place, label in enumerate(labels):
        keys = [key for key in results.curves if (key.surface, key.label) == (surface, label)]
        if not keys:
            continue
        curves = [results.gain_curve(key, "test") for key in keys]
        length = min(len(curve) for curve in curves)
        stacked = np.array([curve[:length] for curve in curves])
        merges = np.arange(length)
        colour, style = COLOURS[place % len(COLOURS)], STYLES[place // 2 % len(STYLES)]
        width = 2.2 if place == 0 else 1.3
        axes.plot(merges, stacked.mean(axis=0), style, color=colour, lw=width, label=label)
        if place == 0:
            low, high = np.quantile(stacked, [0.25, 0.75], axis=0)
            axes.fill_between(merges, low, high, color=colour, alpha=0.15, lw=0)
    axes.set_title(surface, fontsize=10)
    axes.set_xlabel("merges", fontsize=9)
    axes.grid(alpha=0.25)
    axes.margins(x=0)
    axes.spines[["top", "right"]].set_visible(False)
