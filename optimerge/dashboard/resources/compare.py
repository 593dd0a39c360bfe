"""/api/compare: fronts and histories of runs with the same objectives, beside each other."""

from optimerge.dashboard.resource import Answer, Asked, AskedError, Objective, Resource
from optimerge.dashboard.resources.history import History, history_of
from optimerge.dashboard.snapshot import known
from optimerge.dashboard.source import Source


class Front(Answer):
    """The members of a front, as columns."""

    name: list[str]
    parent: list[bool]
    scores: dict[str, list[float | None]]


class Compared(Answer):
    """One run."""

    id: str
    name: str
    front: Front
    history: History


class Comparison(Answer):
    """Runs beside each other; empty, with the reason, where they cannot be compared."""

    objectives: list[Objective]
    runs: list[Compared]
    same_corner: bool
    """Whether hypervolumes are measured from the same reference in the same units."""
    error: str = ""


def make(asked: Asked) -> Comparison:
    """Return the runs that are asked for, default all."""
    keys = [key for key in asked.one("runs").split(",") if key] or list(asked.sources.all)
    if len(keys) > len(asked.sources.all):
        raise AskedError("runs: names a run twice")
    sources = [asked.source(key) for key in keys]
    snapshots = [source.now() for source in sources]
    first = snapshots[0]
    for source, snapshot in zip(sources, snapshots, strict=True):
        if dict(snapshot.objectives) != dict(first.objectives):
            has, other = ", ".join(snapshot.objectives), ", ".join(first.objectives)
            return Comparison(
                objectives=[],
                runs=[],
                same_corner=False,
                error=f"run {source.name} has other objectives ({has}) than {sources[0].name} "
                f"({other}), so they cannot be compared",
            )
    corners = {(str(s.run.reference), str(s.run.scales)) for s in snapshots}
    return Comparison(
        objectives=[Objective(name=n, direction=d) for n, d in first.objectives.items()],
        runs=[_run(source) for source in sources],
        same_corner=len(corners) == 1,
    )


def _run(source: Source) -> Compared:
    snapshot = source.now()
    members = snapshot.front.members
    return Compared(
        id=source.key,
        name=source.name,
        front=Front(
            name=[t.name for t in members],
            parent=[t.is_parent for t in members],
            scores={n: [known(t.scores[n].value) for t in members] for n in snapshot.objectives},
        ),
        history=history_of(source, snapshot),
    )


RESOURCE = Resource(
    "/api/compare",
    Comparison,
    make,
    "Fronts and histories of several runs.",
    {"runs": "Keys with commas between; default all."},
)
