"""A scrambled Sobol sequence over the whole space, that goes on where the records end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimerge.records.optuna_access import note_in_trial
from optimerge.search.samplers.joint import JointSampler
from optimerge.search.samplers.units import from_unit

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

INDEX = "optimerge:qmc"
"""System attribute of a trial: which point of the sequence it is."""


class SobolSampler(JointSampler):
    """Point number 1 + (the largest number on any trial so far) of one scrambled sequence.

    Optuna's own QMCSampler counts in the study's attributes, takes the first trial's parameters
    for the space, and draws all others at random. This one counts on the trials themselves, so
    the records alone say where the sequence stands, whoever made the sampler; and it is given the
    whole space. A point has a coordinate for every dimension, also for those that the method that
    it turns out to have lacks: whatever the method, its points are spread evenly.
    """

    def __init__(
        self, seed: int, space: "Mapping[str, BaseDistribution] | None" = None, skip: int = 0
    ) -> None:
        """Make one; `space` None: the parameters that all trials of the study share.

        Args:
            seed: Of the scrambling; all proposals of a run have the same. `reseed_rng` leaves it.
            space: Distributions by name.
            skip: So many points of the sequence are passed over.
        """
        super().__init__(seed, space)
        self._seed, self._skip = seed, skip

    def sample_relative(
        self, study: "Study", trial: "FrozenTrial", search_space: "dict[str, BaseDistribution]"
    ) -> dict[str, Any]:
        """Return the next point, and mark the trial with its number."""
        from scipy.stats.qmc import Sobol

        if not search_space:
            return {}
        others = (t for t in study.get_trials(deepcopy=False) if t.number != trial.number)
        index = max((t.system_attrs.get(INDEX, -1) for t in others), default=-1) + 1 + self._skip
        note_in_trial(study, trial, INDEX, index)
        sequence = Sobol(len(search_space), scramble=True, seed=self._seed)
        if index:
            sequence.fast_forward(index)
        point = sequence.random(1)[0].tolist()
        return {n: from_unit(search_space[n], u) for n, u in zip(search_space, point, strict=True)}
