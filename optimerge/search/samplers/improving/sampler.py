"""Noisy expected hypervolume improvement as an Optuna sampler."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial

from optimerge.search.samplers.history import History
from optimerge.search.samplers.improving.proposal import Proposal, Settings
from optimerge.search.samplers.surrogate_sampler import SurrogateSampler
from optimerge.search.surrogate.domain import Domain
from optimerge.search.surrogate.trends import Changed

if TYPE_CHECKING:
    from optuna.study import Study


class ImprovementSampler(SurrogateSampler):
    """Proposes the point with the largest expected gain of hypervolume among many likely moves.

    A Gaussian process an objective, told how noisy each score is (of raced-out trials too, by
    the items they got to), with main effects beside the Matérn part, length scales by parameter
    rather than by layer until there are trials enough, and for sparsity the mean that it has by
    formula; the front as uncertain as the scores are; pending trials as part of it. MM-MO's
    weak-to-strong step is one of the moves. See `acquisition` and `surrogate`.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        startup: int = 5,
        settings: Settings | None = None,
        trends: Sequence[Changed | None] = (),
        objectives: Sequence[str] = (),
        reference: Sequence[float] | None = None,
        domain: Domain | None = None,
    ) -> None:
        """Make a sampler.

        Args:
            seed: Of all that it draws.
            startup: Scored trials that there must be before surrogates are fitted; until then
                points are uniform.
            settings: Which parts are used.
            trends: By objective what its mean is known to follow.
            objectives: Names of the objectives in the study's order, under which the trials' user
                attribute `scores` tells standard errors.
            reference: The reference point, as losses; None: the study's user attribute `reference`,
                or else from what is observed.
            domain: The search space; None: every dimension of any trial.
        """
        super().__init__(seed, startup, objectives, reference, domain)
        self._settings, self._trends = settings or Settings(), tuple(trends)

    def next_point(
        self, study: "Study", trial: FrozenTrial, history: History, domain: Domain
    ) -> dict[str, Any]:
        """Return the best move."""
        found = Proposal(
            history, domain, self.corner(study), self._settings, self._rng, self._trends
        )
        return domain.decode(found.row())
