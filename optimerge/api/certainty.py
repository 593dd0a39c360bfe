"""How sure a run's front is: by its test if there was one, else by what its search left."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from optimerge.records.run import Run

if TYPE_CHECKING:
    from optimerge.front.certainty import Certainty
    from optimerge.front.front import Front
    from optimerge.retest.tested import Results

    ReadResults = Callable[[Run], Results | None]


def untested(run: Run) -> "Results | None":
    """Return what a test of the run found: None."""
    return None


def certainty_of(run: Run, front: "Front", read: "ReadResults" = untested) -> "Certainty":
    """Return how sure the front is; `read` returns what a test found, None if there was none."""
    results = read(run)
    if results is not None:
        from optimerge.retest.certain import certainty_of_test

        return certainty_of_test(results)
    from optimerge.front.certainty import make_certainty, tasks_of

    return make_certainty(front, run.artifacts, tasks_of(run.info.space))
