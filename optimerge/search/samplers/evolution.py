"""CMA-ES replayed from a study's records: no state but theirs."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimerge.search.samplers.coordinates import Vector

if TYPE_CHECKING:
    from cmaes import CMA

MOST_POPULATION = 200
"""Restarts double the population up to this."""


@dataclass(frozen=True)
class Evolution:
    """How CMA-ES runs."""

    seed: int
    sigma: float = 1 / 6
    population_size: int | None = None
    scales: Sequence[float] | None = None
    """The unit of each objective; None: 1."""


@dataclass(frozen=True)
class Told:
    """A finished point of a generation; `loss` orders points: feasible ones first."""

    vector: Vector
    loss: tuple[float, float]


def replayed(
    evolution: Evolution, start: Vector, generation: Callable[[int], Sequence[Told]]
) -> "tuple[CMA, int]":
    """Return the optimiser as it is after all full generations, and the number of the next one.

    Only the order of a generation's losses counts. Where CMA-ES has converged (its own rules of
    stopping), it begins anew about a random point, with twice the population (Auger and Hansen
    2005, doi:10.1109/CEC.2005.1554902).
    """
    optimizer, number, restarts = _made(evolution, start, evolution.population_size), 0, 0
    while len(told := generation(number)) >= optimizer.population_size:
        told = told[: optimizer.population_size]
        losses = sorted({each.loss for each in told})
        optimizer.tell([(each.vector, float(losses.index(each.loss))) for each in told])
        number += 1
        if optimizer.should_stop():
            restarts += 1
            rng = np.random.default_rng([evolution.seed, restarts])
            size = min(2 * optimizer.population_size, MOST_POPULATION)
            optimizer = _made(evolution, rng.random(len(start)), size)
    return optimizer, number


def _made(evolution: Evolution, mean: Vector, population_size: int | None) -> "CMA":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that cmaes can do without
        from cmaes import CMA

    return CMA(mean=mean, sigma=evolution.sigma, population_size=population_size)
