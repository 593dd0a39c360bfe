"""An Optuna sampler that looks round the points that are best so far."""

from collections.abc import Mapping
from random import Random
from typing import Any

from optuna import Study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial


class NearSampler(BaseSampler):
    """Takes a random member of the front and draws each coordinate near its own."""

    def __init__(self, seed: int, reach: float) -> None:
        self._random, self._reach = Random(seed), reach
        self._draws = RandomSampler(seed=seed)
        self._centre: Mapping[str, Any] = {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose where to look."""
        front = study.best_trials
        self._centre = self._random.choice(front).params if front else {}

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return that coordinates are drawn on their own."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw nothing together."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a coordinate near the centre's, or anywhere if that has none."""
        found = param_distribution
        if param_name in self._centre:
            found = self._near(found, self._centre[param_name])
        return self._draws.sample_independent(study, trial, param_name, found)

    def _near(self, found: BaseDistribution, value: Any) -> BaseDistribution:
        if isinstance(found, CategoricalDistribution):
            keep = self._random.random() > self._reach
            return CategoricalDistribution((value,)) if keep else found
        assert isinstance(found, FloatDistribution | IntDistribution)
        if found.log:
            factor = (found.high / found.low) ** self._reach
            low, high = value / factor, value * factor
        else:
            step = found.step or 0
            far = max(self._reach * (found.high - found.low), step)
            far = round(far / step) * step if step else far
            low, high = value - far, value + far
        low, high = max(found.low, low), min(found.high, high)
        if isinstance(found, IntDistribution):
            return IntDistribution(int(low), int(high), log=found.log, step=found.step)
        return FloatDistribution(low, high, log=found.log, step=found.step)
