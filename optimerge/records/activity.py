"""Whether a search is at work in a run folder, and how fast."""

import fcntl
from dataclasses import dataclass
from statistics import median

from optimerge.records.run import Run

LOCK = "search.lock"
RECENT = 20
"""Trials that the rate is measured on."""


@dataclass(frozen=True)
class Activity:
    """What a run is doing now."""

    running: bool
    seconds_per_trial: float | None
    """Median over the last trials, waits for proposals included; None before the first."""
    goal: int | None
    """Trials that the last search was asked for."""


def activity(run: Run) -> Activity:
    """Return what a run is doing now; reads only."""
    recent = [t for t in run.trials() if t.state == "complete" and t.seconds][-RECENT:]
    return Activity(
        running=_held(run),
        seconds_per_trial=median(t.elapsed for t in recent) if recent else None,
        goal=run.search.user_attrs.get("goal"),
    )


def _held(run: Run) -> bool:
    """Whether a process on this machine holds the run's lock."""
    path = run.folder / LOCK
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
