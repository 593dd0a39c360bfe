"""The bet on one task: how strongly the items so far say that a model beats the candidate.

For each rival a gambler bets against "on all n items the candidate's mean loss is at most the
rival's". If that is so, the mean of the candidate's losses on the items left is at most

    m = (n · rival's mean - candidate's losses so far) / items left

and a stake of l ≥ 0 on the next loss x, drawn at random from those left, multiplies the wealth by
1 + l (x - m - (g - mean g left)), where g is a guess of x made before (`controls.py`). The
expectation is at most 1, so that wealth is a supermartingale and exceeds 1/δ at any time with
probability at most δ (Ville): Waudby-Smith and Ramdas 2024, "Estimating means of bounded random
variables by betting", arXiv:2010.09686, section 5 (sampling without replacement).

Stakes are those of Kelly for the advantages `ADVANTAGES`, with the variance seen so far; wealth is
the mean over them, bought at the start and held. Nothing is tuned on what is yet to come.
"""

import numpy as np
from numpy.typing import NDArray

from optimerge.front.racing.blocks import block_edges
from optimerge.front.racing.controls import guess_losses

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ADVANTAGES = (0.04, 0.1, 0.2, 0.4)
"""Differences of means, as shares of the range, that are bet on in equal parts."""
_BOLDNESS = 0.75
"""Most of the wealth that one item may cost."""
_PRIOR_ITEMS, _PRIOR_VARIANCE = 8.0, 0.125
"""What the variance of an item is taken for at first (in units of the range, squared)."""
_SLACK = 1e-9
"""Share of the range, per item, that sums of floats may be off."""


class TaskWealth:
    """The bets on one task against several rivals, item after item.

    Evidence depends on the items, not on how they are cut into calls: guesses are made anew at
    the edges of `block_edges`.
    """

    def __init__(self, rivals: Array, known: Array, low: float, high: float) -> None:
        """Start with wealth 1 against each rival.

        Args:
            rivals: Losses [j, n] of the rivals on all items.
            known: Losses [k, n] of other models on all items, for the guesses; k may be 0.
            low: The least loss of an item.
            high: The greatest.
        """
        self.items = int(rivals.shape[1])
        self._known, self._low, self._high = known, low, high
        self._totals = rivals.sum(axis=1)
        self._edges = block_edges(self.items)
        self._losses = np.empty(0)
        self._residuals = np.empty(0)
        self._guess = self._highest_left = self._sum_left = np.empty(0)
        self._log = np.zeros((len(rivals), len(ADVANTAGES)))

    @property
    def seen(self) -> int:
        """Items so far."""
        return len(self._losses)

    @property
    def log_wealth(self) -> Array:
        """Natural logarithm [j] of the wealth against each rival."""
        most = self._log.max(axis=1)
        shares = np.exp(self._log - most[:, None])
        return np.asarray(most + np.log(shares.mean(axis=1)), dtype=np.float64)

    @property
    def worse(self) -> Mask:
        """[j]: whether the candidate is worse than the rival, whatever the items left are."""
        return np.asarray(self._needed < self._left * self._low - self._slack, dtype=np.bool_)

    @property
    def no_better(self) -> Mask:
        """[j]: whether the candidate is worse or equal, whatever the items left are."""
        return np.asarray(self._needed <= self._left * self._low, dtype=np.bool_)

    @property
    def better(self) -> Mask:
        """[j]: whether the candidate is better than the rival, whatever the items left are."""
        return np.asarray(self._needed > self._left * self._high + self._slack, dtype=np.bool_)

    def add(self, losses: Array) -> None:
        """Bet on the next items' losses [b].

        Raises:
            ValueError: If one is outside the bounds or not a number, or there are too many.
        """
        if self.seen + len(losses) > self.items:
            raise ValueError(f"there are {self.items} items, not {self.seen + len(losses)}")
        if not ((losses >= self._low) & (losses <= self._high)).all():
            raise ValueError(f"an item's loss is not between {self._low} and {self._high}")
        while len(losses):
            start = self.seen
            if start == 0 or start in self._edges:
                self._guess_anew()
            stop = next(edge for edge in self._edges if edge > start)
            self._bet(losses[: stop - start])
            losses = losses[stop - start :]

    def _guess_anew(self) -> None:
        guess = guess_losses(self._known, self._losses, self._reach)
        self._residuals = self._losses - guess[: self.seen]
        self._highest_left = np.maximum.accumulate(guess[::-1])[::-1]
        self._sum_left = np.cumsum(guess[::-1])[::-1]
        self._guess = guess

    @property
    def _needed(self) -> Array:
        """What the losses left must sum to for the candidate to equal each rival, [j]."""
        return np.asarray(self._totals - self._losses.sum(), dtype=np.float64)

    @property
    def _reach(self) -> float:
        return self._high - self._low

    @property
    def _left(self) -> int:
        return self.items - self.seen

    @property
    def _slack(self) -> float:
        return _SLACK * self.items * self._reach

    def _bet(self, losses: Array) -> None:
        """Bet on losses within one block: the guesses stay the same."""
        start, stop = self.seen, self.seen + len(losses)
        left = self.items - np.arange(start, stop)
        guess_left = self._sum_left[start:stop] / left
        mean = (self._needed[:, None] - _before(losses)) / left
        # what an item can cost: the least loss where the guess was the highest of those left
        surprise = np.maximum(self._highest_left[start:stop] - guess_left, 0.0)
        risk = mean - self._low + surprise
        slack = _SLACK * self._reach
        open_ = (mean >= self._low - slack) & (mean <= self._high + slack) & (risk > slack)
        most = _BOLDNESS / np.where(open_, risk, 1.0)
        residuals = losses - self._guess[start:stop]
        stakes = np.minimum(self._kelly(residuals)[None], most[:, None])
        stakes *= open_[:, None]
        gain = residuals + guess_left - mean
        self._log += np.log1p(stakes * gain[:, None]).sum(axis=2)
        self._losses = np.concatenate((self._losses, losses))
        self._residuals = np.concatenate((self._residuals, residuals))

    def _kelly(self, residuals: Array) -> Array:
        """Stakes [advantages, b]: a / (variance + a²), from what was seen before each item."""
        reach = self._reach
        count = self.seen + np.arange(len(residuals))
        total = self._residuals.sum() + _before(residuals)
        squares = np.square(self._residuals).sum() + _before(np.square(residuals))
        spread = np.maximum(squares - np.square(total) / np.maximum(count, 1), 0.0)
        prior = _PRIOR_ITEMS * _PRIOR_VARIANCE * reach**2
        variance = (spread + prior) / (count + _PRIOR_ITEMS)
        advantage = np.array(ADVANTAGES)[:, None] * reach
        return np.asarray(advantage / (variance + advantage**2), dtype=np.float64)


def _before(values: Array) -> Array:
    """Return the sum of the values before each one: [0, v0, v0 + v1, …]."""
    return np.asarray(np.cumsum(values) - values, dtype=np.float64)
