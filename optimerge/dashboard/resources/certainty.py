"""/api/runs/ID/certainty: how sure the front is."""

from typing import Literal

from optimerge.dashboard.resource import Asked, Resource, Versioned
from optimerge.dashboard.results import results_of
from optimerge.dashboard.snapshot import known
from optimerge.retest.certainty import certainty_of


class Certainty(Versioned):
    """By name of the trial; a name that is missing is of a model that nothing is known of."""

    items: Literal["search", "test"]
    """Which items it rests on; the front was chosen on the search items and is flattered there."""
    note: str
    p_front: dict[str, float | None]
    """The probability that nothing dominates it."""
    p_beats: dict[str, float | None]
    """The probability that its mean over the tasks is above that of every parent."""


def make(asked: Asked) -> Certainty:
    """Return how sure the front is; that reads the evidence of some hundred trials."""
    source = asked.source()
    snapshot = source.now()

    def read() -> Certainty:
        found = certainty_of(snapshot.run, snapshot.front, results_of(source, snapshot))
        return Certainty(
            version=snapshot.version,
            items=found.items,
            note=found.note,
            p_front={name: known(p) for name, p in found.on_front.items()},
            p_beats={name: known(p) for name, p in found.beats_parents.items()},
        )

    return source.kept("certainty", snapshot.version, read)


RESOURCE = Resource(
    "/api/runs/{run}/certainty",
    Certainty,
    make,
    "The probability of each front member to be on the true front, and to beat all parents.",
    versioned=True,
)
