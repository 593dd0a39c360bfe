"""The race of one candidate against the members of a front."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front.racing.wealth import Mask, TaskWealth

Array = NDArray[np.float64]

PROMISE = -0.5
"""Least logarithm of the evidence that makes a further look worth it."""


@dataclass(frozen=True)
class RaceTask:
    """A task that is raced on: a mean over items whose values have known bounds."""

    items: int
    """In the search set."""
    low: float = -1.0
    """The least loss of an item; accuracies are losses between -1 and 0."""
    high: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError if there are no items, or no bounds."""
        if self.items < 1:
            raise ValueError(f"a race needs at least one item, not {self.items}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"a race needs bounds of an item's loss, not {self.low} to {self.high}: score "
                "the objective in full, and give it as exact"
            )


@dataclass(frozen=True, eq=False)
class Incumbent:
    """A member of the front, scored on all items."""

    name: str
    """`Trial.name`: a number, or a parent's name."""
    losses: Sequence[ArrayLike] | None
    """Per task, in the order of items that the candidate is scored in; None if the run did not
    keep them: such a member is not raced against."""
    exact: Sequence[float] = ()
    """Losses known without items, in the order of the candidate's."""


@dataclass(frozen=True)
class Verdict:
    """Why a candidate was stopped."""

    incumbent: str
    """Name of the member with the most evidence for dominating it."""
    log_evidence: tuple[float, ...]
    """Per task: natural logarithm of the e-value against "no worse than that member"; infinite if
    it is certain."""
    joint: float
    """Logarithm of the evidence that some member dominates; infinite if one certainly does."""
    needed: float
    """What `joint` had to reach: the logarithm of 1 / (1 - confidence)."""
    items: tuple[int, ...]
    """Per task: scored when it was stopped."""
    rivals: int
    """Members that it was raced against."""

    @property
    def certain(self) -> bool:
        """Whether no outcome on the items left could have changed it."""
        return math.isinf(self.joint)


class Race:
    """One candidate's race; the members stay those given here until its end.

    A member is a rival if it is no worse in every exact loss. The evidence that it dominates is
    the least of its e-values over the tasks: the candidate that it does not dominate is no worse
    than it in some task, whose e-value is then a supermartingale (intersection-union). The evidence
    that some rival dominates is the mean over the rivals, the best way to merge e-values of which
    nothing else is known (Vovk and Wang 2021, "E-values: calibration, combination and
    applications"); it is never below the largest over their number, which is Bonferroni's.

    Beside the bets, and at no risk, what is certain counts as infinite evidence: a candidate that
    cannot catch up any more on the items left (curtailment). Certainty is of dominance as the
    front has it, no worse in all and better in one; the bets prove better in every task.
    """

    def __init__(
        self,
        tasks: Sequence[RaceTask],
        incumbents: Sequence[Incumbent],
        exact: Sequence[float] = (),
        confidence: float = 0.95,
    ) -> None:
        """Line up a candidate whose exact losses are `exact` against the members.

        Raises:
            ValueError: If there is no task, the confidence is not between 0 and 1, or a member has
                another number of tasks, items or exact losses, or a loss outside the bounds.
        """
        if not tasks:
            raise ValueError("a race needs at least one task")
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
        self._tasks = tuple(tasks)
        known = [each for each in incumbents if each.losses is not None]
        losses = [_stack(known, index, task) for index, task in enumerate(tasks)]
        mine = np.array(exact, dtype=np.float64)
        theirs = _exact(known, len(mine))
        rival: Mask = np.all(theirs <= mine, axis=1)
        self._names = [each.name for each, races in zip(known, rival, strict=True) if races]
        self._ahead: Mask = np.any(theirs < mine, axis=1)[rival]
        self._wealth = [
            TaskWealth(each[rival], each, task.low, task.high)
            for each, task in zip(losses, tasks, strict=True)
        ]
        self._needed = -math.log(1 - confidence)

    @property
    def items(self) -> tuple[int, ...]:
        """Items scored so far, by task."""
        return tuple(wealth.seen for wealth in self._wealth)

    @property
    def finished(self) -> bool:
        """Whether all items are scored."""
        return self.items == tuple(task.items for task in self._tasks)

    @property
    def open(self) -> bool:
        """Whether some rival may yet turn out to dominate; if not, the rest is scored at once."""
        return not self.finished and not self._lost().all()

    @property
    def promising(self) -> bool:
        """Whether further looks are likely to be worth their time; if not, the rest is scored.

        They are while some rival has not lost more than a little of its bets in any task. Most
        candidates near the front are known for such at the first look, and looks cost time, because
        batches are smaller. To leave looks out is always allowed: the bets hold at any time.
        """
        if not self._names or not self.open:
            return False
        return float(self._evidence().min(axis=1).max()) >= PROMISE

    def add(self, task: int, losses: ArrayLike) -> None:
        """Add the losses of the next items of a task; ValueError if they cannot be such."""
        self._wealth[task].add(np.array(losses, dtype=np.float64, ndmin=1))

    def verdict(self) -> Verdict | None:
        """Return why the candidate is to be stopped now; None if it is not, or all is scored."""
        if not self._names or self.finished:
            return None
        evidence = self._evidence()
        least = evidence.min(axis=1)
        joint = _log_mean(least)
        if joint < self._needed:
            return None
        best = int(least.argmax())
        return Verdict(
            incumbent=self._names[best],
            log_evidence=tuple(evidence[best].tolist()),
            joint=joint,
            needed=self._needed,
            items=self.items,
            rivals=len(self._names),
        )

    def _evidence(self) -> Array:
        """Return [rivals, tasks]: log e-values, infinite where certain."""
        evidence = np.stack([wealth.log_wealth for wealth in self._wealth], axis=1)
        worse = np.stack([wealth.worse for wealth in self._wealth], axis=1)
        no_better = np.stack([wealth.no_better for wealth in self._wealth], axis=1)
        # Not to be better settles a task only if the rival is surely ahead elsewhere: of a
        # candidate that equals it in everything each task's bet must go on.
        ahead = self._ahead | worse.any(axis=1)
        evidence[worse | (no_better & ahead[:, None])] = math.inf
        evidence[self._lost()] = -math.inf
        return evidence

    def _lost(self) -> Mask:
        """Return [rivals]: who cannot dominate any more, whatever the items left are."""
        lost = [wealth.better for wealth in self._wealth]
        return np.asarray(np.any(lost, axis=0), dtype=np.bool_)


def dominated(
    tasks: Sequence[RaceTask],
    partial: Sequence[ArrayLike],
    exact: Sequence[float],
    incumbents: Sequence[Incumbent],
    confidence: float = 0.95,
) -> Verdict | None:
    """Return why a candidate with these losses on the first items is to be stopped, or None.

    The same as a `Race` that was given these items, in whatever portions.

    >>> rival = Incumbent("7", [[-1.0] * 100], exact=[0.5])
    >>> dominated([RaceTask(100)], [[0.0] * 10], [0.6], [rival]).incumbent
    '7'
    >>> dominated([RaceTask(100)], [[0.0] * 10], [0.4], [rival])  # sparser: it may stay
    """
    race = Race(tasks, incumbents, exact, confidence)
    for index, losses in enumerate(partial):
        race.add(index, losses)
    return race.verdict()


def _stack(incumbents: Sequence[Incumbent], index: int, task: RaceTask) -> Array:
    """Return the members' losses [k, n] on a task."""
    rows = np.empty((len(incumbents), task.items))
    for row, each in zip(rows, incumbents, strict=True):
        assert each.losses is not None
        values = np.asarray(each.losses[index], dtype=np.float64)
        inside = (values >= task.low) & (values <= task.high)
        if values.shape != row.shape or not inside.all():
            raise ValueError(
                f"incumbent {each.name}: task {index} needs {task.items} losses between "
                f"{task.low} and {task.high}"
            )
        row[:] = values
    return rows


def _exact(incumbents: Sequence[Incumbent], count: int) -> Array:
    """Return the members' exact losses [k, count]."""
    if any(len(each.exact) != count for each in incumbents):
        raise ValueError(f"every incumbent needs {count} exact losses, as the candidate has")
    rows = [each.exact for each in incumbents]
    return np.array(rows, dtype=np.float64).reshape(len(incumbents), count)


def _log_mean(logs: Array) -> float:
    """Return the logarithm of the mean of exp(logs) [k]."""
    most = float(logs.max())
    if math.isinf(most):
        return most
    return most + math.log(float(np.exp(logs - most).mean()))
