"""How sure a run's front is: by its test if there was one, else by what its search left."""

from typing import TYPE_CHECKING

from optimerge.records.run import Run

if TYPE_CHECKING:
    from optimerge.front.certainty import Certainty
    from optimerge.front.front import Front


def certainty_of(run: Run, front: "Front") -> "Certainty":
    """Return how sure the front is: on the test items, if all of it was tested on them."""
    from optimerge.retest.read import read_results

    results = read_results(run)
    if results is not None:
        from optimerge.retest.certain import certainty_of_test

        return certainty_of_test(results)
    from optimerge.front.certainty import make_certainty, tasks_of

    return make_certainty(front, run.artifacts, tasks_of(run.info.space))
