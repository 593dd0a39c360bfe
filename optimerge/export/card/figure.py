"""The front of a run as the card's picture: what there was to choose from, and what was chosen."""

from optimerge.figures.front import front_figure
from optimerge.front.front import front_of
from optimerge.records.run import Run
from optimerge.records.types import Trial

NAME = "front.png"


def draw_front(run: Run, trial: Trial) -> bytes | None:
    """Return a PNG of the run's front on search scores, with one trial marked.

    The same run gives the same bytes with the same matplotlib. None if nothing is scored.
    """
    front = front_of(run)
    return front_figure(front, trial, "png") if front.trials else None
