"""What samplers share that propose all dimensions at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class JointSampler(BaseSampler):
    """Has `sample_relative` asked for the whole space; what that leaves out is drawn at random."""

    def __init__(
        self, seed: int | None, space: "Mapping[str, BaseDistribution] | None" = None
    ) -> None:
        """Make one.

        Args:
            seed: Of the random draws; None: other ones each time.
            space: Distributions by name; None: those that `space_of_trials` finds.
        """
        self._random, self._space = RandomSampler(seed=seed), space
        self._shared = IntersectionSearchSpace()

    def reseed_rng(self) -> None:
        """Draw other random values than before; Optuna calls it for each of its workers."""
        self._random.reseed_rng()

    def infer_relative_search_space(
        self, study: "Study", trial: "FrozenTrial"
    ) -> "dict[str, BaseDistribution]":
        """Return the dimensions by name, in its order; ranges of one value are no choice."""
        space = self.space_of_trials(study, trial) if self._space is None else self._space
        return {name: space[name] for name in sorted(space) if not space[name].single()}

    def space_of_trials(
        self, study: "Study", trial: "FrozenTrial"
    ) -> "Mapping[str, BaseDistribution]":
        """Return the parameters that all trials of the study share; `trial` is being asked for."""
        return self._shared.calculate(study)

    def sample_independent(
        self,
        study: "Study",
        trial: "FrozenTrial",
        param_name: str,
        param_distribution: "BaseDistribution",
    ) -> Any:
        """Return a random value: for parameters that nobody told of before."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)
