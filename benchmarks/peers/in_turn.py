"""Two samplers in turn on one study."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState


class InTurn(BaseSampler):
    """Trials of even number are proposed by one sampler, the others by another; both see all."""

    def __init__(self, even: BaseSampler, odd: BaseSampler) -> None:
        self._both = (even, odd)

    def _of(self, trial: "FrozenTrial") -> BaseSampler:
        return self._both[trial.number % 2]

    def reseed_rng(self) -> None:
        """Reseed both."""
        for sampler in self._both:
            sampler.reseed_rng()

    def infer_relative_search_space(
        self, study: "Study", trial: "FrozenTrial"
    ) -> "dict[str, BaseDistribution]":
        """Return the space that the sampler whose turn it is samples jointly."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: "Study", trial: "FrozenTrial", search_space: "dict[str, BaseDistribution]"
    ) -> dict[str, Any]:
        """Return its joint sample."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: "Study",
        trial: "FrozenTrial",
        param_name: str,
        param_distribution: "BaseDistribution",
    ) -> Any:
        """Return its sample of one coordinate."""
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: "Study", trial: "FrozenTrial") -> None:
        """Tell the sampler whose turn it is."""
        self._of(trial).before_trial(study, trial)

    def after_trial(
        self,
        study: "Study",
        trial: "FrozenTrial",
        state: "TrialState",
        values: Sequence[float] | None,
    ) -> None:
        """Tell the sampler that made it."""
        self._of(trial).after_trial(study, trial, state, values)
