"""How every picture looks, and how it becomes a file's bytes."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from optimerge.records.plain import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Form = Literal["svg", "png"]
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a8a8a"
"""Told apart by people who do not see all colours (Okabe and Ito 2008)."""
COLOURS = (BLUE, ORANGE, GREEN, PINK, "#e69f00", "#56b4e9", "#8c6d1f", "#444444")
LONGEST = 28
"""Characters of a name in a picture."""
_LOOK: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": False,
    "font.family": "DejaVu Sans",  # matplotlib brings it, so it is the same everywhere
    "font.size": 9.0,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "optimerge",
    "text.parse_math": False,  # a model's name may hold a dollar sign
}


def draw(
    width: float, height: float, fill: "Callable[[Figure], None]", form: Form = "svg"
) -> bytes:
    """Return a picture that `fill` draws, as a file's bytes; width and height in inches.

    The same drawing gives the same bytes. No window, and no state of matplotlib's that outlives
    it: may be called in any thread.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_LOOK):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        fill(figure)
        out = io.BytesIO()
        blank = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, dpi=130, metadata=blank)
    return out.getvalue()


def short(name: str) -> str:
    """Return a name as a picture has room for, its end kept: that tells most.

    >>> short("org/a-model-with-a-rather-long-name-7b")
    '…ith-a-rather-long-name-7b'
    """
    text = one_line(name)
    return text if len(text) <= LONGEST else "…" + text[-(LONGEST - 3) :]


def label(axes: "Axes", across: str, up: str) -> None:
    """Name both axes."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
