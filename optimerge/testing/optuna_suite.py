"""Optuna's own tests of samplers, and what they lack: studies of several objectives, end to end.

    from optimerge.testing.optuna_suite import OptunaSuite

    class TestMine(OptunaSuite):
        sampler = pytest.fixture(lambda self: lambda: MySampler(seed=0))

Beside the laws of `sampler_laws`, and optional: a sampler that draws each coordinate on its own
(`sample_independent`) fails Optuna's tests of `sample_relative`, and is sound.

The fixture gives a factory without arguments. The sampler must propose by itself from the first
trial on (no start-up trials), as Optuna's tests of `sample_relative` expect.
"""

import pickle
from collections.abc import Callable

import pytest

pytest.register_assert_rewrite("optuna.testing.pytest_samplers")

import optuna  # noqa: E402  # after its assertions are to be rewritten
from optuna.distributions import (  # noqa: E402  # after its assertions are to be rewritten
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler  # noqa: E402  # after its assertions are to be rewritten
from optuna.study import StudyDirection  # noqa: E402  # after its assertions are to be rewritten
from optuna.testing.pytest_samplers import (  # noqa: E402  # after its assertions are to be rewritten
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

SPACE: dict[str, BaseDistribution] = {
    "float": FloatDistribution(-1.0, 1.0),
    "log": FloatDistribution(1e-3, 1.0, log=True),
    "grid": FloatDistribution(0.0, 1.0, step=0.25),
    "integer": IntDistribution(1, 9),
    "choice": CategoricalDistribution(("a", "b", "c")),
}


class OptunaSuite(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """All that Optuna asks of its multi-objective samplers."""

    @pytest.mark.parametrize("objectives", [1, 2, 4])
    def test_asks_and_tells(self, sampler: Callable[[], BaseSampler], objectives: int) -> None:
        """Complete, failed, pruned and constrained trials, minimised and maximised objectives."""
        both = (StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE)
        directions = (both * 2)[:objectives]
        study = optuna.create_study(directions=directions, sampler=sampler())
        for number in range(12):
            trial = study.ask(SPACE)
            inside = (d._contains(d.to_internal_repr(trial.params[n])) for n, d in SPACE.items())
            assert all(inside), trial.params
            if number % 6 == 2:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            elif number % 6 == 4:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                trial.set_constraint("c", 0.5 - trial.params["grid"])
                study.tell(trial, [trial.params["float"] * (k + 1) for k in range(objectives)])

    def test_asks_while_trials_are_running(self, sampler: Callable[[], BaseSampler]) -> None:
        """Points that are asked for at once differ."""
        study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler())
        for trial in [study.ask(SPACE) for _ in range(3)]:
            study.tell(trial, [trial.params["float"], trial.params["log"]])
        asked = [study.ask(SPACE) for _ in range(3)]
        assert len({tuple(sorted(t.params.items())) for t in asked}) == 3

    def test_can_be_pickled(self, sampler: Callable[[], BaseSampler]) -> None:
        """It goes to other processes, and goes on there."""
        study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler())
        study.tell(study.ask(SPACE), [0.0, 1.0])
        study.sampler = pickle.loads(pickle.dumps(study.sampler))  # noqa: S301  # of its own making
        assert set(study.ask(SPACE).params) == set(SPACE)

    def test_reseeding_leaves_the_global_random_state_alone(
        self, sampler: Callable[[], BaseSampler]
    ) -> None:
        """Optuna reseeds the sampler of each of its workers."""
        import numpy as np

        before = repr(np.random.get_state())
        sampler().reseed_rng()
        assert repr(np.random.get_state()) == before
