"""How much better one model is than another on each objective, document by document where it can.

A difference is that of the scores, its standard error that of the mean of the documents'
differences, which is far smaller than of two unrelated scores: what is hard is hard for both.
Where documents are not known, the two errors add as if unrelated, which is cautious. Nothing is
corrected for the number of comparisons: `retest.verdict` does that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optimerge.front.evidenced import evidenced
from optimerge.front.losses import to_loss
from optimerge.records.evidence import Evidence
from optimerge.records.types import Direction, Score, Trial
from optimerge.retest.tested import Tested

BEYOND = 1.96
"""Standard errors beyond which a difference is called significant."""


@dataclass(frozen=True)
class Difference:
    """One objective; positive: the first model is better, whichever way the objective runs."""

    objective: str
    value: float
    stderr: float | None
    """None: unknown."""
    paired: bool
    """Whether documents were compared one by one."""

    @property
    def significant(self) -> bool | None:
        """Whether it is beyond chance, as one comparison alone; None: nothing is known of it."""
        if self.stderr is None:
            return None
        return abs(self.value) > BEYOND * self.stderr


def on_search(
    one: Trial,
    other: Trial,
    evidence: Mapping[str, Evidence],
    objectives: Mapping[str, Direction],
    tasks: Mapping[str, str],
) -> list[Difference]:
    """Return how much better a trial is than another on the search items.

    `evidence`: by its name, as far as it is there. `tasks`: of objectives (`tasks_of`).
    """
    both = {n: d for n, d in objectives.items() if n in one.scores and n in other.scores}
    found = []
    for (name, direction), each in zip(
        both.items(), evidenced([one, other], evidence, both, tasks), strict=True
    ):
        if each.parts and bool(each.by_documents.all()):
            parts = [(part.weight, part.losses[:, 1] - part.losses[:, 0]) for part in each.parts]
            found.append(Difference(name, *_mean(parts), paired=True))
        else:
            found.append(_apart(name, one.scores[name], other.scores[name], direction))
    return found


def on_test(one: Tested, other: Tested, objectives: Mapping[str, Direction]) -> list[Difference]:
    """Return how much better a tested model is than another on the test items."""
    found = []
    for name, direction in objectives.items():
        if name not in one.test or name not in other.test:
            continue
        ours, theirs = one.test_items.get(name), other.test_items.get(name)
        if (
            ours is not None
            and theirs is not None
            and [len(v) for v in ours.values] == [len(v) for v in theirs.values]
        ):
            sign = to_loss(1.0, direction)
            parts = [
                (weight, sign * (b - a))
                for weight, a, b in zip(ours.weights, ours.values, theirs.values, strict=True)
            ]
            found.append(Difference(name, *_mean(parts), paired=True))
        else:
            found.append(_apart(name, one.test[name], other.test[name], direction))
    return found


def _mean(parts: Sequence[tuple[float, np.ndarray]]) -> tuple[float, float | None]:
    """Return the weighted mean of differences, and its standard error; None of one document."""
    value = sum(weight * float(each.mean()) for weight, each in parts)
    if any(len(each) < 2 for _, each in parts):
        return value, None
    spread = sum(weight**2 * float(each.var(ddof=1)) / len(each) for weight, each in parts)
    return value, math.sqrt(spread)


def _apart(name: str, one: Score, other: Score, direction: Direction) -> Difference:
    value = to_loss(other.value, direction) - to_loss(one.value, direction)
    if one.stderr is None or other.stderr is None:
        exact = one.items == other.items == 0
        return Difference(name, value, 0.0 if exact else None, paired=False)
    return Difference(name, value, math.hypot(one.stderr, other.stderr), paired=False)
