"""Where to measure: all over the box, at what people try, and where searches go.

Points come from eight searches of their own ("islands"), each of which sees its own points alone:
an emulator that is judged on islands it was not fitted on has seen no neighbours of theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.random import Generator, default_rng
from scipy.stats import qmc

from benchmarks.surfaces.points import Coordinates, Unit
from optimerge.front.dominance import non_dominated
from optimerge.space.ranges import Param

ISLANDS = 8
Kind = Literal["box", "structured", "local"]
PATTERN: Sequence[Kind] = (
    *("box", "local", "structured", "local", "box", "local", "box", "local", "local", "box"),
    *("local", "structured", "local", "box", "local", "box", "local", "structured", "local", "box"),
)
"""Twenty points: 7 of the box, 3 structured, 10 of local search."""


class Known(NamedTuple):
    """A measured point of an island: its numbers, its method, its losses [m]."""

    unit: Unit
    method: int
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Proposer:
    """Proposes the points of one surface, each by its number and what its island has seen."""

    name: str
    at: Coordinates

    def kind(self, number: int) -> Kind:
        """Return what sort of point a number is."""
        return PATTERN[number // ISLANDS % len(PATTERN)]

    def point(self, number: int, known: Sequence[Known]) -> dict[str, Param]:
        """Return point `number`; `known`: what its island (number modulo ISLANDS) measured."""
        rng = default_rng([number, *self.name.encode()])
        kind = self.kind(number)
        if kind == "box" or (kind == "local" and len(known) < 4):
            return self._box(number)
        if kind == "structured":
            return self._structured(rng)
        return self._local(rng, known)

    def _box(self, number: int) -> dict[str, Param]:
        width = len(self.at.dimensions) + 1
        sobol = qmc.Sobol(width, scramble=True, rng=default_rng([*self.name.encode()]))
        rounds, rest = divmod(number // ISLANDS, len(PATTERN))
        before = rounds * PATTERN.count("box") + PATTERN[:rest].count("box")
        row = sobol.random(before * ISLANDS + number % ISLANDS + 1)[-1]
        return self.at.params(row[1:], int(row[0] * len(self.at.methods)))

    def _structured(self, rng: Generator) -> dict[str, Param]:
        """Propose what people write by hand: one scale, one expert, one value an expert."""
        at, method = self.at, int(rng.integers(len(self.at.methods)))
        unit = rng.random(len(at.dimensions))
        weights, densities = at.where("weight"), at.where("density")
        if rng.random() < 0.8:
            unit[densities] = rng.choice([rng.random(), 1.0])
        own = rng.choice(["one scale", "one hot", "one each", "some", "one each"])
        scale = rng.random() ** 1.5
        if own == "one scale":
            unit[weights] = scale
        elif own == "one hot":
            unit[weights] = rng.choice([0.0, 0.05])
            unit[at.where("weight", str(rng.choice(at.experts)))] = rng.uniform(0.2, 1.0)
        else:
            for expert in at.experts:
                here = at.where("weight", expert)
                there = own == "one each" or rng.random() < 0.6
                unit[here] = rng.random() ** 1.5 * there
                if rng.random() < 0.7:
                    unit[at.where("density", expert)] = rng.random()
        if rng.random() < 0.6:
            unit[weights] += rng.normal(0, rng.choice([0.02, 0.05, 0.1]), int(weights.sum()))
        return at.params(unit, method)

    def _local(self, rng: Generator, known: Sequence[Known]) -> dict[str, Param]:
        if rng.random() < 0.4:
            return _by_tpe(self.at, known, int(rng.integers(2**31)))
        best = _good(rng, known)
        if rng.random() < 0.35:
            other = _good(rng, known)
            if other.method == best.method:
                best = best._replace(unit=_crossed(rng, best.unit, other.unit))
        return self.at.params(self._moved(rng, best.unit), best.method)

    def _moved(self, rng: Generator, unit: Unit) -> Unit:
        size = rng.choice([0.01, 0.03, 0.08, 0.2])
        how = rng.random()
        step = rng.normal(0, size, len(unit))
        if how < 0.3:  # one coordinate, also far
            chosen = np.arange(len(unit)) == rng.integers(len(unit))
            return np.where(chosen, rng.choice([rng.random(), 0.0, *(unit + 3 * step)]), unit)
        if how < 0.45:  # one expert as a whole
            here = self.at.where("weight", str(rng.choice(self.at.experts)))
            return unit * np.where(here, np.exp(rng.normal(0, 4 * size)), 1.0)
        if how < 0.6:  # some coordinates
            return unit + np.where(rng.random(len(unit)) < 0.25, 2 * step, 0.0)
        return unit + step


def _good(rng: Generator, known: Sequence[Known]) -> Known:
    """Return a member of the front, or what is best by random weights of the objectives."""
    losses = np.array([point.losses for point in known])
    if rng.random() < 0.5:
        return known[int(rng.choice(np.flatnonzero(non_dominated(losses))))]
    weights = rng.dirichlet(np.ones(losses.shape[1]))
    return known[int((losses @ weights).argmin())]


def _crossed(rng: Generator, one: Unit, other: Unit) -> Unit:
    if rng.random() < 0.5:
        return np.where(rng.random(len(one)) < 0.5, one, other)
    share = rng.uniform(-0.3, 1.3)
    return one + share * (other - one)


def _by_tpe(at: Coordinates, known: Sequence[Known], seed: int) -> dict[str, Param]:
    """Return what Optuna's TPE proposes after these points, for two or all objectives."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    methods = optuna.distributions.CategoricalDistribution(range(len(at.methods)))
    names = [f"x{place}" for place in range(len(at.dimensions))]
    unit = optuna.distributions.FloatDistribution(0.0, 1.0)
    every: Mapping[str, optuna.distributions.BaseDistribution] = {
        "method": methods,
        **dict.fromkeys(names, unit),
    }
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)
    study = optuna.create_study(directions=["minimize"] * len(known[0].losses), sampler=sampler)
    for point in known:
        params = dict(zip(names, np.nan_to_num(point.unit, nan=0.5).tolist(), strict=True))
        study.add_trial(
            optuna.create_trial(
                params={"method": point.method, **params},
                distributions=dict(every),
                values=list(point.losses),
            )
        )
    asked = study.ask(dict(every)).params
    return at.params(np.array([asked[name] for name in names]), int(asked["method"]))
