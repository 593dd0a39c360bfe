"""How the search went on: the hypervolume after each trial."""

from typing import TYPE_CHECKING

import numpy as np

from optimerge.figures.style import BLUE, GREY, Form, draw, label
from optimerge.front.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def history_figure(history: History, form: Form = "svg") -> bytes:
    """Return the hypervolume by trials as a file's bytes; trials that joined the front marked."""

    def fill(figure: "Figure") -> None:
        axes = figure.subplots()
        counts = np.arange(1, len(history.trials) + 1)
        axes.step(counts, history.hypervolume, where="post", color=BLUE)
        low, high = history.hypervolume - history.error, history.hypervolume + history.error
        axes.fill_between(counts, low, high, step="post", color=BLUE, alpha=0.15, linewidth=0)
        joined = history.joined
        axes.scatter(
            counts[joined], history.hypervolume[joined], s=16, color=BLUE, label="joined the front"
        )
        failed = np.array([t.state == "failed" for t in history.trials], dtype=np.bool_)
        if failed.any():
            axes.scatter(
                counts[failed], history.hypervolume[failed], s=18, marker="x", color=GREY,
                label="failed",
            )  # fmt: skip
        parents = sum(t.is_parent for t in history.trials)
        if parents:
            axes.axvspan(0.5, parents + 0.5, color=GREY, alpha=0.12, linewidth=0, label="parents")
        axes.set_xlim(left=0.5)
        label(axes, "trials scored", "hypervolume, in units of the parents' range")
        axes.legend(loc="lower right")

    return draw(7.6, 3.2, fill, form)
