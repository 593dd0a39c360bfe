"""The tested models' scores on one set of items, as losses with what makes them vary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimerge.front.dominance import complete
from optimerge.front.losses import larger_is_better, to_loss, to_value
from optimerge.front.membership import front_shares
from optimerge.front.paired import DRAWS, Outcomes, Part, draw
from optimerge.records.types import Direction, Score
from optimerge.retest.tested import Items, Kind, Results

Array = NDArray[np.float64]
Which = Literal["search", "test"]

_APART = {"search": 1, "test": 2}
"""Draws of the two item sets have nothing to do with each other."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Models and objectives, in the order of the results; every array is of losses."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    objectives: tuple[str, ...]
    """What the search optimised comes first, what is only reported last."""
    signs: tuple[float, ...]
    """By objective: a score is its sign times its loss."""
    optimised: int
    """How many are optimised."""
    compared: tuple[str, ...]
    """Those that are scored on documents: models are compared on each. Of both kinds."""
    tasks: tuple[str, ...]
    """Those of `compared` that are optimised and maximised: the mean is over them."""
    outcomes: tuple[Outcomes, ...]
    """By objective."""
    unknown: frozenset[str]
    """Objectives that vary, nobody knows how much: no error, no outcomes on documents."""
    draws: int
    seed: int

    @cached_property
    def drawn(self) -> Array:
        """Draws of the paired bootstrap [objectives, models, draws]."""
        return draw(self.outcomes, self.draws, self.seed)

    @property
    def losses(self) -> Array:
        """The scores [models, objectives], of what is optimised."""
        return np.stack([each.losses for each in self.outcomes[: self.optimised]], axis=1)

    def of_kind(self, *kinds: Kind) -> list[int]:
        """Return the models of these kinds, as places."""
        return [place for place, kind in enumerate(self.kinds) if kind in kinds]

    def whole(self, *kinds: Kind) -> list[int]:
        """Return the models of these kinds that have every optimised score."""
        found = complete(self.losses)
        return [place for place in self.of_kind(*kinds) if found[place]]

    def front_shares(self, places: Sequence[int]) -> dict[int, float]:
        """Return for each of the models the probability that none of the others dominates it."""
        shares = front_shares(self.drawn[: self.optimised], places, places)
        return dict(zip(places, shares.tolist(), strict=True))

    def places(self, task: str | None) -> list[int]:
        """Return the objectives of a task; of None, the mean, all tasks."""
        wanted = self.tasks if task is None else (task,)
        return [self.objectives.index(name) for name in wanted]

    def mean(self, task: str | None) -> Array:
        """Return the losses [models] on a task, or on the mean of the tasks."""
        found = [self.outcomes[place].losses for place in self.places(task)]
        return np.asarray(np.mean(found, axis=0), dtype=np.float64)

    def drawn_mean(self, task: str | None) -> Array:
        """Return the draws [models, draws] of `mean`."""
        return np.asarray(self.drawn[self.places(task)].mean(axis=0), dtype=np.float64)


def make_sample(results: Results, which: Which, draws: int = DRAWS, seed: int = 0) -> Sample:
    """Return the models' scores on the search items or on the test items.

    ValueError if a score is not the mean over its documents, or two models have other documents.
    """
    reported = results.reported if which == "test" else {}
    directions: dict[str, Direction] = {**results.objectives, **reported}
    scores = [each.test if which == "test" else each.search for each in results.tested]
    items = [each.test_items if which == "test" else each.search_items for each in results.tested]
    outcomes = [_outcomes(name, way, scores, items) for name, way in directions.items()]
    compared = [name for name in directions if any(s[name].items for s in scores if name in s)]
    return Sample(
        names=tuple(each.name for each in results.tested),
        kinds=tuple(each.kind for each in results.tested),
        objectives=tuple(directions),
        signs=tuple(to_value(1.0, way) for way in directions.values()),
        optimised=len(results.objectives),
        compared=tuple(compared),
        tasks=tuple(
            n for n in compared if n in results.objectives and larger_is_better(directions[n])
        ),
        outcomes=tuple(outcomes),
        unknown=frozenset(name for name in compared if _unknown(name, scores, items)),
        draws=draws,
        seed=seed * 3 + _APART[which],
    )


def _outcomes(
    name: str,
    direction: Direction,
    scores: Sequence[Mapping[str, Score]],
    items: Sequence[Mapping[str, Items]],
) -> Outcomes:
    losses, errors = np.full(len(scores), np.nan), np.zeros(len(scores))
    for row, found in enumerate(scores):
        if name in found:
            losses[row] = to_loss(found[name].value, direction)
            errors[row] = found[name].stderr or 0.0
    having = [row for row, kept in enumerate(items) if name in kept and name in scores[row]]
    if not having:
        return Outcomes(losses, errors)
    errors[having] = 0.0
    first, sign = items[having[0]][name], to_loss(1.0, direction)
    parts = []
    for index, (values, weight) in enumerate(zip(first.values, first.weights, strict=True)):
        columns = np.full((len(values), len(scores)), np.nan)
        for row in having:
            columns[:, row] = sign * np.asarray(items[row][name].values[index], dtype=np.float64)
        parts.append(Part(columns, weight))
    return Outcomes(losses, errors, tuple(parts))


def _unknown(
    name: str, scores: Sequence[Mapping[str, Score]], items: Sequence[Mapping[str, Items]]
) -> bool:
    return any(
        name in found and found[name].stderr is None and name not in kept
        for found, kept in zip(scores, items, strict=True)
    )
