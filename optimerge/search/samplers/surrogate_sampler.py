"""What samplers with a surrogate share: a study as rows, a point of all its dimensions."""

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from optimerge.records.optuna_access import note_in_trial
from optimerge.search.samplers.history import POINT, History, read_history, union_space
from optimerge.search.samplers.joint import JointSampler
from optimerge.search.surrogate.domain import Domain

if TYPE_CHECKING:
    from optuna.study import Study

Array = NDArray[np.float64]


class SurrogateSampler(JointSampler):
    """Asks `next_point` for a whole point once `startup` trials are scored; draws till then.

    Conditional dimensions are proposed too: those that the point's method has.
    """

    def __init__(
        self,
        seed: int | None,
        startup: int,
        objectives: Sequence[str],
        reference: Sequence[float] | None,
        domain: Domain | None,
    ) -> None:
        """Make a sampler.

        Args:
            seed: Of all that it draws.
            startup: How many scored trials there must be before the surrogate is asked; until
                then points are uniform.
            objectives: Names of the objectives in the study's order, under which the trials' user
                attribute `scores` tells standard errors.
            reference: The reference point, as losses; None: the study's user attribute `reference`,
                or else from what is observed.
            domain: The search space; None: every dimension of any trial.
        """
        super().__init__(seed, None if domain is None else domain.distributions)
        self._rng = np.random.default_rng(seed)
        self._startup, self._objectives = startup, tuple(objectives)
        self._reference, self._domain = reference, domain

    @abstractmethod
    def next_point(
        self, study: "Study", trial: FrozenTrial, history: History, domain: Domain
    ) -> dict[str, Any]:
        """Return the point to try next; at least two are scored."""

    def space_of_trials(self, study: "Study", trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return every dimension, also those that only some points have."""
        others = study.get_trials(deepcopy=False)
        return union_space(t for t in others if t.number != trial.number)

    def sample_relative(
        self, study: "Study", trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the next point; {} while there are too few scored trials."""
        if not search_space:
            return {}
        domain = self._domain_of(search_space)
        history = read_history(study, trial.number, domain, self._objectives)
        if len(history.rows) < self._startup:
            return {}
        if len(history.rows) < 2:  # nothing to fit
            blank = np.full((1, len(domain.names)), np.nan)
            point = domain.decode(domain.snapped(domain.filled(blank, self._rng))[0])
        else:
            point = self.next_point(study, trial, history, domain)
        note_in_trial(study, trial, POINT, json.dumps(point))
        return point

    def corner(self, study: "Study") -> Array | None:
        """Return the reference point [m], as losses; None if there is none yet."""
        found = self._reference
        if found is None:
            found = study.user_attrs.get("reference")
        if found is None or len(found) != len(study.directions):
            return None
        return np.asarray(found, dtype=np.float64)

    def reseed_rng(self) -> None:
        """Draw from a new stream, so that copies in other threads differ."""
        super().reseed_rng()
        self._rng = np.random.default_rng()

    def _domain_of(self, search_space: dict[str, BaseDistribution]) -> Domain:
        if self._domain is not None and search_space.keys() == set(self._domain.names):
            return self._domain
        if self._domain is not None and self._domain.switch in search_space:
            return Domain(
                search_space, self._domain.switch, self._domain.active, self._domain.families
            )
        return Domain(search_space)
