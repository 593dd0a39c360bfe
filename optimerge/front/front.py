"""A study's Pareto front, made from its trials: what tables, plots, picks and exports read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front import reference as corner
from optimerge.front.dominance import complete, non_dominated
from optimerge.front.hypervolume import hypervolume
from optimerge.front.losses import losses_of
from optimerge.records.run import Run
from optimerge.records.types import Direction, Trial


@dataclass(frozen=True, eq=False)
class Front:
    """The trials that no other dominates, with the corner and the units they are measured in.

    A trial that breaks a constraint is infeasible: never on the front, and it dominates nothing.
    Parents (base and experts) take part as points; `Trial.is_parent` tells them from merges.
    """

    objectives: Mapping[str, Direction]
    """By name, in the study's order; the columns of every array below."""
    trials: tuple[Trial, ...]
    """All complete trials with finite values: parents first, then by number."""
    members: tuple[Trial, ...]
    """Those on the front, all feasible: best first by the first objective, ties by the next."""
    reference: NDArray[np.float64]
    """The losses [m] that hypervolumes are measured from; NaN while there is no trial."""
    scales: NDArray[np.float64]
    """The unit [m] of each objective's loss: the parents' range."""

    @property
    def feasible(self) -> tuple[Trial, ...]:
        """The trials that keep every constraint, in the order of `trials`."""
        return tuple(trial for trial in self.trials if trial.feasible)

    @property
    def merges(self) -> tuple[Trial, ...]:
        """The members that are no parents, in the order of `members`."""
        return tuple(trial for trial in self.members if not trial.is_parent)

    @property
    def losses(self) -> NDArray[np.float64]:
        """The members' losses [k, m]; smaller is better."""
        return losses_of(self.members, self.objectives)

    @cached_property
    def hypervolume(self) -> float:
        """What the members dominate up to the reference, in the objectives' own units.

        Measured when it is first asked for: of many members in many objectives it takes seconds.
        """
        return hypervolume(self.losses, self.reference) if self.trials else 0.0

    @property
    def relative_hypervolume(self) -> float:
        """The hypervolume in units of the parents' range: the same whatever an objective's unit."""
        return self.hypervolume / float(np.prod(self.scales))


def make_front(
    trials: Sequence[Trial],
    objectives: Mapping[str, Direction],
    reference: ArrayLike | None = None,
    scales: ArrayLike | None = None,
) -> Front:
    """Return the front of the complete trials; failed, pruned and open ones take no part.

    Of trials with equal values one is a member: a parent before a merge, then the lowest number.
    The order in which trials come does not matter.

    Args:
        trials: A study's trials, parents included.
        objectives: Direction by objective.
        reference: The losses [m] that the study fixed; None: from the parents among the trials
            (infeasible ones too: they are a yardstick), or from all if no parent is complete.
        scales: The units [m] that the study fixed; None: likewise.

    Complexity: that of `non_dominated` on the complete trials.
    """
    done = sorted(trials, key=order)
    losses = losses_of(done, objectives)
    finite = np.flatnonzero(complete(losses))  # `losses_of` gives NaN to what takes no part
    done, losses = [done[index] for index in finite], losses[finite]
    parents = losses[[trial.is_parent for trial in done]] if done else losses
    yardstick = parents if len(parents) else losses
    allowed = np.array([trial.feasible for trial in done], dtype=np.bool_)
    allowed_losses = np.where(allowed[:, None], losses, np.nan)  # NaN takes no part
    members = np.flatnonzero(non_dominated(allowed_losses))
    members = members[np.lexsort(losses[members].T[::-1])]
    if reference is None:
        reference = corner.reference_point(yardstick) if done else np.full(len(objectives), np.nan)
    if scales is None:
        scales = corner.scales(yardstick) if done else np.ones(len(objectives))
    return Front(
        objectives=MappingProxyType(dict(objectives)),
        trials=tuple(done),
        members=tuple(done[index] for index in members),
        reference=_frozen(reference),
        scales=_frozen(scales),
    )


def front_of(run: Run, trials: Sequence[Trial] | None = None) -> Front:
    """Return a run's front, from the corner and in the units that it fixed.

    `trials`: all of the run, where they were read already.
    """
    read = run.trials() if trials is None else trials
    return make_front(read, run.info.objectives, run.reference, run.scales)


def order(trial: Trial) -> tuple[bool, float, str]:
    """Return what trials are sorted by: parents first, then numbers; those without, by name."""
    return not trial.is_parent, -1 if trial.number is None else trial.number, trial.name


def _frozen(values: ArrayLike) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array
