"""A loaded session on the tiny family, for tests of the loop."""

from collections.abc import Callable
from pathlib import Path

import pytest

from optimerge.cli.quiet import quiet
from optimerge.records.types import Trial
from optimerge.search.budget import Stop, make_budget
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.session import Session, open_session
from optimerge.search.study import search
from optimerge.space.read import read_space


class Watcher:
    """An observer that keeps what it is told, and may ask for a stop."""

    def __init__(self, stop: Stop, stop_after: int | None) -> None:
        self.trials: list[Trial] = []
        self.stop = stop
        self.stop_after = stop_after

    def trial(self, trial: Trial) -> None:
        self.trials.append(trial)
        if len(self.trials) == self.stop_after:
            self.stop.requested = True


QUICK = (
    "test_asks_and_tells[2]",
    "test_asks_while_trials_are_running",
    "test_can_be_pickled",
    "test_conditional_parameter_objective",
    "test_multi_objective_sample_independent",
    "test_nan_objective_value",
    "test_partial_fixed_sampling",
    "test_reseeding_leaves_the_global_random_state_alone",
    "test_sample_relative_mixed",
)
"""Of Optuna's suites; the rest of these is slow."""


HEAVY = "test_proposes_points_of_the_space[mmmo-six objectives-"
"""Of the laws of samplers: seconds each."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is inherited and takes long: most of Optuna's suites, a law of samplers."""
    for item in items:
        if item.name.startswith(HEAVY):
            item.add_marker(pytest.mark.slow)
        kinds = item.cls.__mro__ if isinstance(item, pytest.Function) and item.cls else ()
        if any(kind.__name__ == "OptunaSuite" for kind in kinds) and item.name not in QUICK:
            item.add_marker(pytest.mark.slow)


Open = Callable[..., Session]
Search = Callable[..., list[Trial]]


@pytest.fixture
def opened() -> Open:
    """Open a session on a family's space in a run folder."""

    def open_it(family: Path, folder: Path) -> Session:
        with quiet(scoring=True):
            return open_session(read_space(family / "space.yaml"), folder, device="cpu")

    return open_it


@pytest.fixture
def searched() -> Search:
    """Search a session for so many trials and return those that were finished."""

    def search_it(
        session: Session, trials: int, sampler: str = "random", stop_after: int | None = None
    ) -> list[Trial]:
        stop = Stop()
        watcher = Watcher(stop, stop_after)
        with quiet(scoring=True):
            search(session, make_budget(trials, None), sampler_named(sampler), stop, watcher)
        return watcher.trials

    return search_it
