"""Shares as bars: which parameters, parents or layers decide an objective."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from optimerge.figures.style import COLOURS, Form, draw, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def share_figure(shares: Mapping[str, Sequence[tuple[str, float]]], form: Form = "svg") -> bytes:
    """Return bars of (name, share) for each objective, the first on top."""
    longest = max(len(each) for each in shares.values())
    across = min(3, len(shares))
    down = -(-len(shares) // across)

    def fill(figure: "Figure") -> None:
        grid = list(figure.subplots(down, across, squeeze=False).flat)
        for axes in grid[len(shares) :]:
            axes.set_axis_off()
        for place, (axes, (title, each)) in enumerate(zip(grid, shares.items(), strict=False)):
            names = [short(name) for name, _ in each]
            axes.barh(range(len(each)), [v for _, v in each], color=COLOURS[place % len(COLOURS)])
            axes.set_yticks(range(len(each)), names)
            axes.invert_yaxis()
            axes.set_title(short(title), fontsize=9)
            axes.set_xlim(left=0)
            axes.grid(visible=False, axis="y")

    return draw(max(5.0, 3.7 * across), (0.7 + 0.24 * longest) * down, fill, form)
