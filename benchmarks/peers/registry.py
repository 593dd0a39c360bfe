"""The peers that only the benchmark has: other systems' searches, and Optuna's as they come."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from optimerge.records.types import Direction
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


@dataclass(frozen=True)
class Problem:
    """What a peer's sampler is made for, once a run."""

    space: SearchSpace
    directions: Mapping[str, Direction]
    seed: int


@dataclass(frozen=True)
class Peer:
    """A peer's name, description, and sampler; `cost` ranks it by CPU time, 0 the cheapest."""

    name: str
    summary: str
    cost: int
    make: "Callable[[Problem], BaseSampler]"


def _random(problem: Problem) -> "BaseSampler":
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=problem.seed)


def _qmc(problem: Problem) -> "BaseSampler":
    from optuna.samplers import QMCSampler

    with _experimental():
        return QMCSampler(
            scramble=True,
            seed=problem.seed,
            warn_asynchronous_seeding=False,
            warn_independent_sampling=False,
        )


def _tpe(problem: Problem) -> "BaseSampler":
    from optuna.samplers import TPESampler

    return TPESampler(seed=problem.seed, multivariate=False)


def _tpe_multivariate(problem: Problem) -> "BaseSampler":
    from optuna.samplers import TPESampler

    with _experimental():
        return TPESampler(
            seed=problem.seed,
            multivariate=True,
            group=problem.space.conditional,
        )


def _gp(problem: Problem) -> "BaseSampler":
    from benchmarks.peers.sliced import SlicedGP

    return SlicedGP(seed=problem.seed, warn_independent_sampling=False)


def _in_turn(problem: Problem) -> "BaseSampler":
    from benchmarks.peers.in_turn import InTurn

    return InTurn(_tpe(problem), _gp(problem))


def _nsga2(problem: Problem) -> "BaseSampler":
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=problem.seed)


def _nsga3(problem: Problem) -> "BaseSampler":
    from optuna.samplers import NSGAIIISampler

    with _experimental():
        return NSGAIIISampler(seed=problem.seed, population_size=20)


def _mergenetic(problem: Problem) -> "BaseSampler":
    """Return pymoo's NSGA2() with the population of mergenetic's own configuration.

    configs/multilang-arc_config.yaml there: pop_size 10, n_iter 10. pymoo's defaults: SBX with
    eta 15 and probability 0.9, half of the coordinates crossed; polynomial mutation with eta 20.
    """
    from optuna.samplers import NSGAIISampler
    from optuna.samplers.nsgaii import PolynomialMutation, SBXCrossover

    with _experimental():
        return NSGAIISampler(
            population_size=10,
            crossover=SBXCrossover(eta=15, uniform_crossover_prob=0.5, use_child_gene_prob=0.5),
            crossover_prob=0.9,
            mutation=PolynomialMutation(eta=20),
            seed=problem.seed,
        )


def _mergekit_evolve(problem: Problem) -> "BaseSampler":
    from benchmarks.peers.mergekit_evolve import MergekitEvolve

    return MergekitEvolve(problem.space, problem.directions, problem.seed)


def _experimental() -> "warnings.catch_warnings[None]":
    from optuna.exceptions import ExperimentalWarning

    return warnings.catch_warnings(action="ignore", category=ExperimentalWarning)


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        peer.name: peer
        for peer in (
            Peer("random", "uniform draws", 0, _random),
            Peer("optuna_qmc", "scrambled Sobol points", 0, _qmc),
            Peer("optuna_nsga2", "NSGA-II, population 50", 1, _nsga2),
            Peer("optuna_nsga3", "NSGA-III, population 20", 1, _nsga3),
            Peer("mergenetic", "NSGA-II as mergenetic runs it", 1, _mergenetic),
            Peer("mergekit_evolve", "CMA-ES on the sum of scores", 1, _mergekit_evolve),
            Peer("optuna_tpe", "TPE, each coordinate alone", 2, _tpe),
            Peer("optuna_tpe_multivariate", "TPE, joint", 2, _tpe_multivariate),
            Peer("gp_tpe_in_turn", "GPSampler and TPE in turn", 4, _in_turn),
            Peer("optuna_gp", "GPSampler, log EHVI", 5, _gp),
        )
    }
)
"""All peers by name."""
