"""Which parameters of the space decide an objective: fANOVA and PED-ANOVA, as data.

fanova    the share of an objective's variance over the space that one parameter explains by itself
          (Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
          importance"), by Optuna's random forest. What the shares lack to 1 is interplay. A
          parameter that only some trials have (a density, where the method is a choice) is
          judged among those that have it.
pedanova  how much a parameter's distribution among the best tenth of the trials differs from that
          among all, as shares that sum to 1 (Watanabe, Bansal and Hutter 2023, "PED-ANOVA",
          with Optuna's extension to conditional parameters). It asks what makes trials
          good, where fANOVA asks what makes them differ.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from optimerge.errors import RunError, did_you_mean
from optimerge.front.losses import to_loss
from optimerge.records.types import Direction

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    _Loss = Callable[[FrozenTrial], float]

Method = Literal["fanova", "pedanova"]
FEWEST = 20
"""Trials below which a forest, or the best tenth, says nothing of a parameter."""
_BEST, _LEAST = 0.1, 5
"""PED-ANOVA's best trials: a tenth, but at least so many."""


@dataclass(frozen=True)
class Weight:
    """How much one parameter decides an objective."""

    parameter: str
    share: float
    """0 to 1; see the module for what of."""
    trials: int
    """Trials that it was judged by."""
    conditional: bool
    """Whether some trials do not have it."""


@dataclass(frozen=True)
class Importance:
    """How much each parameter decides one objective."""

    objective: str
    method: Method
    trials: int
    """Trials with a value."""
    weights: tuple[Weight, ...]
    """The largest share first, equal ones by name."""
    unknown: tuple[str, ...] = ()
    """Parameters that too few trials have to tell, by name."""


def importance(
    study: "optuna.Study",
    objectives: Mapping[str, Direction],
    objective: str,
    method: Method = "fanova",
    seed: int = 0,
) -> Importance:
    """Return how much each parameter decides an objective, by the study's complete trials.

    The same study gives the same shares.

    Args:
        study: The run's study of the space's points (`Run.search`).
        objectives: Direction by objective, in the order of the study's values.
        objective: Which of them.
        method: fanova or pedanova.
        seed: Of the forest.

    Raises:
        RunError: If there is no such objective or method, too few trials are complete, or all of
            them score the same.
    """
    if objective not in objectives:
        hint = did_you_mean(objective, objectives)
        there = ", ".join(objectives)
        raise RunError(f"no objective {objective!r} in this run{hint or ';'} it has {there}")
    if method not in get_args(Method):
        raise RunError(f"no importance {method!r}; take {' or '.join(get_args(Method))}")
    column, direction = list(objectives).index(objective), objectives[objective]

    def loss(trial: "FrozenTrial") -> float:
        return to_loss(trial.values[column], direction)

    trials = _with_values(study, loss)
    if len(trials) < FEWEST:
        raise RunError(
            f"importance of parameters for {objective} needs {FEWEST} complete trials of the "
            f"space, there are {len(trials)}; search on"
        )
    if len({loss(trial) for trial in trials}) == 1:
        raise RunError(f"all {len(trials)} trials have the same {objective}: nothing decides it")
    groups = _groups(trials)
    known = [names for names, having in groups if having >= FEWEST]
    shares = (_fanova if method == "fanova" else _pedanova)(study, trials, known, loss, seed)
    weights = [
        Weight(name, shares[name], having, having < len(trials))
        for names, having in groups
        if having >= FEWEST
        for name in names
    ]
    return Importance(
        objective,
        method,
        len(trials),
        tuple(sorted(weights, key=lambda weight: (-weight.share, weight.parameter))),
        tuple(sorted(name for names, having in groups if having < FEWEST for name in names)),
    )


def _with_values(study: "optuna.Study", loss: "_Loss") -> "list[FrozenTrial]":
    from optuna.trial import TrialState

    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [trial for trial in found if trial.params and math.isfinite(loss(trial))]


def _groups(trials: "Sequence[FrozenTrial]") -> list[tuple[list[str], int]]:
    """Return the parameters that the same trials have, and how many these are."""
    having: dict[str, list[int]] = {}
    for place, trial in enumerate(trials):
        for name in trial.params:
            having.setdefault(name, []).append(place)
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, places in having.items():
        groups.setdefault(tuple(places), []).append(name)
    return [(names, len(places)) for places, names in groups.items()]


def _fanova(
    study: "optuna.Study",
    trials: "Sequence[FrozenTrial]",
    groups: Sequence[list[str]],
    loss: "_Loss",
    seed: int,
) -> dict[str, float]:
    from optuna.importance import FanovaImportanceEvaluator

    found: dict[str, float] = {}
    for names in groups:
        having = [trial for trial in trials if names[0] in trial.params]
        shared = set(having[0].params).intersection(*(trial.params for trial in having))
        if len({loss(trial) for trial in having}) == 1:
            found |= dict.fromkeys(names, 0.0)
            continue
        evaluator = FanovaImportanceEvaluator(seed=seed)
        shares = evaluator.evaluate(study, sorted(shared), target=loss)
        found |= {name: float(shares[name]) for name in names}
    return found


def _pedanova(
    study: "optuna.Study",
    trials: "Sequence[FrozenTrial]",
    groups: Sequence[list[str]],
    loss: "_Loss",
    seed: int,
) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator

    best = max(_BEST, _LEAST / len(trials))
    names = sorted(name for group in groups for name in group)
    with warnings.catch_warnings():  # it says that it takes lower for better, which losses are
        warnings.simplefilter("ignore")
        evaluator = PedAnovaImportanceEvaluator(target_quantile=best)
        raw = evaluator.evaluate(study, names, target=loss)
    total = sum(raw.values())
    return {name: float(value / total) if total else 0.0 for name, value in raw.items()}
