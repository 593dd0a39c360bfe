"""The samplers there are: name, what it does, paper, and how one is made."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.errors import RunError, did_you_mean
from optimerge.records.types import Direction
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


@dataclass(frozen=True)
class Ask:
    """What a sampler is made for: one proposal in a space."""

    space: SearchSpace
    seed: int
    """Of this proposal."""
    finished: int
    """Trials in view that have ended, parents and failures included."""
    number: int = 0
    """Of the proposal: how many candidates the search began before it, parents not counted."""
    reference: Sequence[float] | None = None
    """The run's reference point, in losses; None before it is fixed."""
    scales: Sequence[float] | None = None
    """The parents' range by objective; None before it is fixed."""
    directions: Mapping[str, Direction] = field(default_factory=dict)
    """By objective that is optimised, in the order of the trials' values."""


@dataclass(frozen=True)
class NamedSampler:
    """A sampler's name, description and factory."""

    name: str
    summary: str
    paper: str
    make: "Callable[[Ask], BaseSampler]"
    ahead: bool = False
    """Whether proposing takes so long that it is done while the trial before is scored.

    Then that trial is seen as RUNNING, without its scores. `make` must be picklable.
    """


def _random(ask: Ask) -> "BaseSampler":
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=ask.seed)


def _tpe(ask: Ask) -> "BaseSampler":
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    # Joint modelling pays in wide spaces; grouping keeps it possible in conditional ones.
    wide = len(ask.space.dimensions) >= 20
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # both options are, since Optuna 2
        return TPESampler(seed=ask.seed, multivariate=wide, group=wide and ask.space.conditional)


def _nsga2(ask: Ask) -> "BaseSampler":
    from optuna.samplers import NSGAIISampler

    # Optuna's 50 would spend a usual night's budget on the first, random, generation.
    return NSGAIISampler(seed=ask.seed, population_size=20)


def _gp(ask: Ask) -> "BaseSampler":
    from optuna.samplers import GPSampler

    return GPSampler(seed=ask.seed, warn_independent_sampling=False)


def _auto(ask: Ask) -> "BaseSampler":
    many = len(ask.space.optimized) > 3
    if many or ask.space.conditional or any(d.range.choices for d in ask.space.dimensions):
        return _tpe(ask)
    return _gp(ask) if ask.finished % 2 else _tpe(ask)


SAMPLERS = {
    sampler.name: sampler
    for sampler in (
        NamedSampler(
            "auto",
            "Gaussian processes and TPE in turn; TPE alone for more than three objectives, names "
            "among the dimensions, or conditional spaces",
            "",
            _auto,
            ahead=True,
        ),
        NamedSampler(
            "gp",
            "Gaussian process an objective, expected hypervolume improvement (Optuna)",
            "Ament et al. 2023, arXiv:2310.20708",
            _gp,
            ahead=True,
        ),
        NamedSampler(
            "nsga2",
            "evolution by non-dominated sorting, population 20 (Optuna)",
            "Deb et al. 2002, doi:10.1109/4235.996017",
            _nsga2,
        ),
        NamedSampler("random", "independent uniform draws", "", _random),
        NamedSampler(
            "tpe",
            "tree-structured Parzen estimators (Optuna)",
            "Ozaki et al. 2022, doi:10.1613/jair.1.13188",
            _tpe,
        ),
    )
}


def sampler_named(name: str) -> NamedSampler:
    """Return the sampler of that name; RunError with the nearest name if there is none."""
    if name not in SAMPLERS:
        hint = did_you_mean(name, SAMPLERS) or f"; known: {', '.join(SAMPLERS)}"
        raise RunError(f"sampler {name!r} is not known{hint}")
    return SAMPLERS[name]
