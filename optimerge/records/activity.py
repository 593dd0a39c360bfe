"""Whether a search is at work in a run folder, and how fast."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from optimerge.records.held import held
from optimerge.records.keys import ENDS, GOAL
from optimerge.records.lease import WORKER, Life, Worker, life
from optimerge.records.run import Run
from optimerge.records.sound import sound_count
from optimerge.records.types import Trial

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
    proposing: float | None = None
    """Seconds that a proposal takes, median over the last; None if none was made."""
    waiting: float | None = None
    """Seconds that the search waits before a trial, for its proposal above all; median."""
    ends: datetime | None = None
    """When the last search's time will be, or was, up; None if it counts trials only."""
    last_end: datetime | None = None
    """When the last trial ended, by the clock of the machine it ran on, in local time."""


def activity(run: Run) -> Activity:
    """Return what a run is doing now; reads only."""
    recent = [t for t in run.trials() if t.state == "complete" and t.seconds][-RECENT:]
    ends = run.search.user_attrs.get(ENDS)
    return Activity(
        running=held(run.folder) or _at_work(run),
        seconds_per_trial=median(t.elapsed for t in recent) if recent else None,
        goal=sound_count(run.search.user_attrs.get(GOAL), f"{run.folder}: the goal"),
        proposing=_median(recent, "propose"),
        waiting=_median(recent, "wait"),
        ends=datetime.fromisoformat(ends).astimezone() if ends else None,
        last_end=_last_end(run),
    )


def _last_end(run: Run) -> datetime | None:
    found = [
        trial.datetime_complete
        for study in (run.parents, run.search)
        for trial in study.get_trials(deepcopy=False)
        if trial.datetime_complete is not None
    ]
    return max(found, default=None)


def _at_work(run: Run) -> bool:
    """Whether a worker has a running trial; of one on another machine that it lives is believed."""
    believed: set[Life] = {"alive", "unknown"} if run.info.storage else {"alive"}
    return any(
        life(Worker.parse(str(trial.user_attrs.get(WORKER)))) in believed
        for study in (run.parents, run.search)
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name == "RUNNING"
    )


def _median(trials: Sequence[Trial], stage: str) -> float | None:
    found = [t.seconds[stage] for t in trials if stage in t.seconds]
    return median(found) if found else None
