"""/api/runs: the runs that the dashboard was started with."""

from datetime import datetime

from optimerge.dashboard.resource import Answer, Asked, Objective, Resource
from optimerge.dashboard.source import GoneError, Source
from optimerge.records.activity import activity


class Listed(Answer):
    """One run."""

    id: str
    """Key of the run in addresses."""
    name: str
    folder: str
    objectives: list[Objective] = []
    trials: int = 0
    running: bool = False
    changed: datetime | None = None
    """When the last trial ended."""
    error: str = ""
    """Why it cannot be read now."""


class Runs(Answer):
    """All runs, in the order given."""

    runs: list[Listed]


def make(asked: Asked) -> Runs:
    """Return the list; a run that cannot be read says why, and keeps none of the others."""
    return Runs(runs=[_listed(source) for source in asked.sources.all.values()])


def _listed(source: Source) -> Listed:
    name, folder = source.name, str(source.folder)
    try:
        snapshot = source.now()
    except GoneError as error:
        return Listed(id=source.key, name=name, folder=folder, error=str(error))
    ends = [row.ended for row in snapshot.rows if row.ended is not None]
    return Listed(
        id=source.key,
        name=name,
        folder=folder,
        objectives=[Objective(name=n, direction=d) for n, d in snapshot.objectives.items()],
        trials=len(snapshot.rows),
        running=activity(snapshot.run).running,
        changed=max(ends, default=None),
    )


RESOURCE = Resource("/api/runs", Runs, make, "The runs that the dashboard shows.")
