"""/api/runs/ID/history: how the search went on, trial by trial."""

from datetime import datetime

from optimerge.dashboard.resource import Asked, Resource, Versioned
from optimerge.dashboard.snapshot import Snapshot, known
from optimerge.dashboard.source import Source
from optimerge.front.history import make_history
from optimerge.front.losses import to_loss
from optimerge.records.types import Direction


class History(Versioned):
    """Columns, an entry for each trial that has ended: parents first, then by number."""

    trial: list[str]
    state: list[str]
    hypervolume: list[float | None]
    """After the trial, in units of the parents' range."""
    error: list[float | None]
    """Standard error of the hypervolume; 0 where it is exact."""
    joined: list[bool]
    """Whether the trial was on the front when it ended."""
    ended: list[datetime | None]
    hours: list[float | None]
    """From the start of the first trial to this one's end; of resumed runs with the pauses."""
    best: dict[str, list[float | None]]
    """By objective the best value so far, of feasible trials."""


def make(asked: Asked) -> History:
    """Return the run's history."""
    source = asked.source()
    return history_of(source, source.now())


def history_of(source: Source, snapshot: Snapshot) -> History:
    """Return a run's history, made once a version."""
    return source.kept("history", snapshot.version, lambda: _history(snapshot))


def _history(snapshot: Snapshot) -> History:
    run = snapshot.run
    found = make_history(snapshot.trials, snapshot.objectives, run.reference, run.scales)
    ends = {id(row.trial): row.ended for row in snapshot.rows}
    ended = [ends.get(id(trial)) for trial in found.trials]
    start = min((row.started for row in snapshot.rows if row.started), default=None)
    return History(
        version=snapshot.version,
        trial=[trial.name for trial in found.trials],
        state=[trial.state for trial in found.trials],
        hypervolume=[known(float(v)) for v in found.hypervolume],
        error=[known(float(v)) for v in found.error],
        joined=[bool(v) for v in found.joined],
        ended=ended,
        hours=[
            None if end is None or start is None else (end - start).total_seconds() / 3600
            for end in ended
        ],
        best={
            name: _best(
                [
                    t.scores[name].value
                    if t.state == "complete" and t.feasible and name in t.scores
                    else None
                    for t in found.trials
                ],
                direction,
            )
            for name, direction in snapshot.objectives.items()
        },
    )


def _best(values: list[float | None], direction: Direction) -> list[float | None]:
    best: float | None = None
    found = []
    for value in values:
        finite = known(value)
        if finite is not None and (
            best is None or to_loss(finite, direction) < to_loss(best, direction)
        ):
            best = finite
        found.append(best)
    return found


RESOURCE = Resource(
    "/api/runs/{run}/history",
    History,
    make,
    "The hypervolume and the best of each objective after each trial.",
    versioned=True,
)
