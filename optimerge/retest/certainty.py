"""How sure a run's front is: by its test if there was one, else by what its search left."""

from typing import TYPE_CHECKING

from optimerge.records.run import Run

if TYPE_CHECKING:
    from optimerge.front.certainty import Certainty
    from optimerge.front.front import Front
    from optimerge.retest.tested import Results


def certainty_of(run: Run, front: "Front", results: "Results | None") -> "Certainty":
    """Return how sure the front is; `results`: what tests of the run found, if there were any."""
    if results is not None:
        from optimerge.retest.certain import certainty_of_test

        return certainty_of_test(results)
    from optimerge.front.certainty import make_certainty, tasks_of

    return make_certainty(front, run.artifacts, tasks_of(run.info.space))
