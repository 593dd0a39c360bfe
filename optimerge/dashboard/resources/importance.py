"""/api/runs/ID/importance: which parameters, parents and layers decide each objective."""

from optimerge.dashboard.resource import Answer, Asked, AskedError, Resource, Versioned
from optimerge.dashboard.snapshot import Snapshot, known
from optimerge.errors import OptimergeError, RunError
from optimerge.front.importance import Method, importance
from optimerge.front.parts import parts
from optimerge.records.space import whole_space_of

FOREST = 400
"""Trials up to which fANOVA is the default: of thousands its forests take minutes."""
METHODS: tuple[Method, ...] = ("fanova", "pedanova")


class Weight(Answer):
    """One parameter."""

    parameter: str
    share: float | None


class Share(Answer):
    """One parent, or what belongs to none."""

    name: str
    share: float | None


class OfObjective(Answer):
    """One objective; all lists are empty where nothing is known."""

    weights: list[Weight]
    """The largest share first."""
    parents: list[Share]
    layers: list[float | None]
    """By layer; empty where the space gives all layers the same numbers."""
    unknown: list[str]
    """Parameters that too few trials have."""
    trials: int
    reason: str
    """Why nothing is known; "" if something is."""


class Importances(Versioned):
    """All objectives of a run."""

    method: Method
    objectives: dict[str, OfObjective]


def make(asked: Asked) -> Importances:
    """Return what decides each objective, made once a version."""
    source = asked.source()
    snapshot = source.now()
    given = asked.one("method") or ("fanova" if len(snapshot.rows) <= FOREST else "pedanova")
    method = next((each for each in METHODS if each == given), None)
    if method is None:
        raise AskedError(f"method={given!r}: must be {' or '.join(METHODS)}")
    return source.kept(
        f"importance {method}",
        snapshot.version,
        lambda: Importances(
            version=snapshot.version,
            method=method,
            objectives={name: _of(snapshot, name, method) for name in snapshot.objectives},
        ),
    )


def _of(snapshot: Snapshot, name: str, method: Method) -> OfObjective:
    run = snapshot.run
    try:
        found = importance(run.search, snapshot.objectives, name, method)
    except RunError as error:
        return OfObjective(
            weights=[], parents=[], layers=[], unknown=[], trials=0, reason=str(error)
        )
    try:
        added = parts(found, whole_space_of(run.info), run.info.layers)
    except OptimergeError:  # a space of another optimerge: parameters are known all the same
        added = None
    return OfObjective(
        weights=[Weight(parameter=w.parameter, share=known(w.share)) for w in found.weights],
        parents=[Share(name=n, share=known(s)) for n, s in added.by_model] if added else [],
        layers=[known(share) for share in added.by_layer] if added else [],
        unknown=list(found.unknown),
        trials=found.trials,
        reason="",
    )


RESOURCE = Resource(
    "/api/runs/{run}/importance",
    Importances,
    make,
    "The share of each objective that a parameter, a parent or a layer decides.",
    {"method": f"fanova (default up to {FOREST} trials) or pedanova."},
    versioned=True,
)
