"""The paired bootstrap: scores of many models as other documents would have made them.

Documents are drawn with replacement, the same ones for every model, so that what is hard for all
drops out of comparisons. Tasks are drawn independently of each other, those of a group each within
itself. A score that is no mean over documents is drawn from a normal distribution with its standard
error, for each model on its own: that is unpaired, and so cautious where models are compared.
Scores without an error (sparsity) stay as they are.

Of n documents n - 1 are drawn, so that the draws have the variance s² / n that a standard error
says, and not (n - 1) / n of it, which is too little where documents are few (Efron 1982, "The
jackknife, the bootstrap and other resampling plans", 6; Rao and Wu 1988).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DRAWS = 2000
"""A probability of 0.95 is then known to within 0.01, twice its standard error."""
_MOST_CELLS = 1 << 23
"""Of the counts that are in memory at once: 64 MB."""


@dataclass(frozen=True, eq=False)
class Part:
    """One task's documents."""

    losses: Array
    """Outcomes [documents, models] as losses; a column of NaN: this model has none."""
    weight: float = 1.0
    """Of its mean in the score."""
    key: str = ""
    """Parts that share one, not "", are of the same documents: the same ones are drawn."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """One objective's scores of several models, and how they would vary."""

    losses: Array
    """The scores [models] as losses; NaN where a model has none."""
    errors: Array
    """Standard errors [models] of what is drawn from a normal distribution: 0 for scores that are
    exact, and for those that documents are drawn for."""
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError if a score is not the mean over its documents."""
        if not self.parts:
            return
        means = np.sum([part.weight * part.losses.mean(axis=0) for part in self.parts], axis=0)
        off = np.abs(means - self.losses) > 1e-6 * np.maximum(1.0, np.abs(self.losses))
        if off.any():  # NaN is not
            which = int(np.flatnonzero(off)[0])
            raise ValueError(
                f"model {which}: a score of {self.losses[which]:g} whose documents' mean is "
                f"{means[which]:g}"
            )

    @property
    def by_documents(self) -> NDArray[np.bool_]:
        """Which models [models] have outcomes on documents."""
        known = np.full(len(self.losses), bool(self.parts))
        for part in self.parts:
            known &= ~np.isnan(part.losses).any(axis=0)
        return known


def draw(objectives: Sequence[Outcomes], draws: int = DRAWS, seed: int = 0) -> Array:
    """Return scores as losses [objectives, models, draws]; the same seed gives the same.

    Models with the same outcomes have exactly the same draws: a tie stays one.

    Complexity: O(draws x documents x models) time; memory of the result, and 64 MB.
    """
    random = np.random.default_rng(seed)
    found = [_normal(each, draws, random) for each in objectives]
    wanted: dict[str, list[tuple[int, Part]]] = {}
    for index, each in enumerate(objectives):
        for place, part in enumerate(each.parts):
            wanted.setdefault(part.key or f"{index} {place}", []).append((index, part))
        known = each.by_documents
        found[index][known] = 0.0
    for parts in wanted.values():
        for index, means in _means(parts, draws, random):
            known = objectives[index].by_documents
            found[index][known] += means[known]
    return np.stack(found) if found else np.empty((0, 0, draws))


def _normal(each: Outcomes, draws: int, random: np.random.Generator) -> Array:
    noise = random.standard_normal((len(each.losses), draws))
    return np.asarray(each.losses[:, None] + each.errors[:, None] * noise, dtype=np.float64)


def _means(
    parts: Sequence[tuple[int, Part]], draws: int, random: np.random.Generator
) -> list[tuple[int, Array]]:
    """Return each part's weighted means [models, draws] over the documents drawn."""
    items = len(parts[0][1].losses)
    distinct = [(index, part.weight, *_distinct(part.losses)) for index, part in parts]
    found = [np.empty((len(rows), draws)) for _, _, rows, _ in distinct]
    step = max(1, _MOST_CELLS // items)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        counts = drawn_counts(items, size, random)
        for (_, _, rows, _), means in zip(distinct, found, strict=True):
            means[:, start : start + size] = (rows @ counts.T) / max(1, items - 1)
    return [
        (index, weight * means[place])
        for (index, weight, _, place), means in zip(distinct, found, strict=True)
    ]


def _distinct(losses: Array) -> tuple[Array, NDArray[np.intp]]:
    """Return the different columns as rows, and which each column is.

    What is multiplied once is equal to the last bit, which a product's columns need not be.
    """
    rows, place = np.unique(losses.T, axis=0, return_inverse=True)
    return np.ascontiguousarray(rows), place.reshape(-1)


def drawn_counts(items: int, draws: int, random: np.random.Generator) -> Array:
    """Return how often [draws, items] each document is drawn; one document is always drawn once."""
    if items == 1:
        return np.ones((draws, 1))
    chosen = random.integers(items, size=(draws, items - 1))
    chosen += np.arange(draws)[:, None] * items
    counts = np.bincount(chosen.ravel(), minlength=draws * items)
    return counts.reshape(draws, items).astype(np.float64)
