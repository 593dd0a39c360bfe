"""CMA-ES for studies of several objectives: on their mean."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import TrialState

from optimerge.records.optuna_access import note_in_trial
from optimerge.search.samplers.coordinates import Coordinates
from optimerge.search.samplers.evolution import Evolution, Told, replayed
from optimerge.search.samplers.joint import JointSampler

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

GENERATION, VECTOR = "optimerge:cmaes:generation", "optimerge:cmaes:vector"
"""System attributes of a trial: the generation that it belongs to, and its vector."""


class MeanCmaEsSampler(JointSampler):
    """Minimises the mean of the losses, each divided by its scale.

    As mergekit-evolve: it starts at the plain average with a step of a sixth of the box, and has
    one number to optimise. Other than there: seeded; kept within the box by mirroring; names by a
    coordinate a choice; a stop is no loss, as the state is replayed from the records (the
    vectors on the trials). Points that keep the constraints come first, then those that break
    them, by how far; a stopped trial ranks behind all; a failed one is left out, and the
    generation gets another instead.
    """

    def __init__(
        self,
        seed: int | None = None,
        evolution: Evolution | None = None,
        space: "Mapping[str, BaseDistribution] | None" = None,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        """Make one; `space` None: the parameters that all trials of the study share.

        Args:
            seed: Of the next proposal; None: another one each time.
            evolution: How CMA-ES runs.
            space: Distributions by name.
            start: Where the first generation is centred; in the middle for other parameters.
        """
        super().__init__(seed, space)
        self._rng = np.random.default_rng(seed)
        self._evolution, self._start = evolution or Evolution(0), dict(start or {})

    def reseed_rng(self) -> None:
        """Draw other points than before; Optuna calls it for each of its workers."""
        super().reseed_rng()
        self._rng = np.random.default_rng()

    def sample_relative(
        self, study: "Study", trial: "FrozenTrial", search_space: "dict[str, BaseDistribution]"
    ) -> dict[str, Any]:
        """Draw a point of the current generation, and mark the trial with it."""
        if not search_space:
            return {}
        coordinates = Coordinates(search_space)
        generations: dict[int, list[Told]] = {}
        for each in study.get_trials(deepcopy=False):
            told = self._told(study, each, coordinates)
            if told is not None:
                generations.setdefault(each.system_attrs[GENERATION], []).append(told)
        start = coordinates.start(self._start)
        optimizer, generation = replayed(
            self._evolution, start, lambda number: generations.get(number, [])
        )
        optimizer.reseed_rng(int(self._rng.integers(2**32)))
        vector = optimizer.ask()
        note_in_trial(study, trial, GENERATION, generation)
        note_in_trial(study, trial, VECTOR, vector.tolist())
        return coordinates.point(vector)

    def _told(self, study: "Study", trial: "FrozenTrial", coordinates: Coordinates) -> Told | None:
        """Return what CMA-ES is told of a trial; None if it is not of its vectors or not done."""
        vector = np.asarray(trial.system_attrs.get(VECTOR, ()), dtype=np.float64)
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return None
        if vector.shape != (coordinates.count,):
            return None
        # Another point may have been tried in place of the one that was proposed.
        vector = coordinates.moved(vector, trial.params)
        beyond = sum(max(0.0, c) for c in trial.constraints.values())
        if trial.state is TrialState.PRUNED:
            return Told(vector, (math.inf, math.inf))
        return Told(vector, (beyond, self._mean_loss(study, trial)))

    def _mean_loss(self, study: "Study", trial: "FrozenTrial") -> float:
        scales = self._evolution.scales or (1.0,) * len(study.directions)
        total = 0.0
        for value, direction, scale in zip(trial.values, study.directions, scales, strict=True):
            loss = -value if direction is StudyDirection.MAXIMIZE else value
            total += loss / scale / len(scales)
        return math.inf if math.isnan(total) else total
