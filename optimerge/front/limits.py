"""Limits that a choice must keep: `gsm8k=0.55` at least, `drift=0.1` at most.

They are laid down after the search, in the values that people read, on any score that trials have:
what is optimised and what is only watched.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from optimerge.errors import RunError, did_you_mean
from optimerge.front.called import called
from optimerge.front.feasible import broken, nearest
from optimerge.front.front import Front, make_front
from optimerge.records.types import Trial
from optimerge.space.objective_kinds.settings import Bound

_ROUNDING = 1e-9
"""A miss by less, relative to the limit's size, is rounding: 0.55 is kept by a mean of 0.55."""


def parse_limit(text: str, kind: Literal["at_least", "at_most"]) -> Bound:
    """Return the limit that `NAME=NUMBER` says; RunError if it says none.

    >>> parse_limit("gsm8k=0.55", "at_least").name
    'gsm8k >= 0.55'
    """
    name, _, number = text.rpartition("=")
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not name.strip() or not math.isfinite(limit):
        option = kind.replace("_", "-")
        raise RunError(f"--{option} {text!r} is no limit; write OBJECTIVE=NUMBER, as in gsm8k=0.55")
    return Bound(name.strip(), kind, limit)


def make_limits(
    at_least: Mapping[str, float] | None = None, at_most: Mapping[str, float] | None = None
) -> tuple[Bound, ...]:
    """Return limits given by name; RunError if a number is not finite.

    >>> [limit.name for limit in make_limits({"a": 1}, {"b": 2})]
    ['a >= 1', 'b <= 2']
    """
    low = tuple(parse_limit(f"{name}={value}", "at_least") for name, value in _items(at_least))
    return (*low, *(parse_limit(f"{name}={value}", "at_most") for name, value in _items(at_most)))


def within(front: Front, limits: Sequence[Bound]) -> Front:
    """Return the front of the trials that keep the limits, in the same units and corner.

    A trial that is on no other front may be on this one: what dominates it may break a limit.

    Raises:
        RunError: If no trial has such a score, or no feasible trial keeps every limit (it names
            the one that comes nearest).
    """
    if not limits:
        return front
    check_names(front, limits)
    kept = [trial for trial in front.trials if not missed(trial, limits)]
    if not any(trial.feasible for trial in kept):
        raise RunError(_none_left(front, limits))
    return make_front(kept, front.objectives, front.reference, front.scales)


def check_names(front: Front, limits: Sequence[Bound]) -> None:
    """Raise RunError if no trial has a score that a limit names."""
    known = list(dict.fromkeys(name for trial in front.trials for name in trial.scores))
    for limit in limits:
        if limit.objective not in known:
            hint = did_you_mean(limit.objective, known)
            raise RunError(
                f"no score {limit.objective!r} in this run{hint or ';'} it has {', '.join(known)}"
            )


def missed(trial: Trial, limits: Sequence[Bound]) -> dict[str, float]:
    """Return the limits that a trial breaks, with by how much, in the score's unit.

    A score that the trial lacks, or that is NaN, is infinitely far from every limit.

    >>> missed(Trial(3, "complete", "sampler", {}, ""), make_limits({"a": 1}))
    {'a >= 1': inf}
    """
    return {name: beyond for name, beyond in _beyond(trial, limits).items() if beyond > 0}


def _beyond(trial: Trial, limits: Sequence[Bound]) -> dict[str, float]:
    found = {}
    for limit in limits:
        score = trial.scores.get(limit.objective)
        beyond = math.inf if score is None else limit.excess(score.value)
        if abs(beyond) <= _ROUNDING * max(1.0, abs(limit.limit)):
            beyond = 0.0
        found[limit.name] = math.inf if math.isnan(beyond) else beyond
    return found


def _none_left(front: Front, limits: Sequence[Bound]) -> str:
    asked = " and ".join(limit.name for limit in limits)
    merges = [t for t in front.feasible if not t.is_parent] or list(front.feasible)
    measured = [replace(trial, constraints=_beyond(trial, limits)) for trial in merges]
    near = nearest([t for t in measured if math.inf not in t.constraints.values()])
    if near is None:
        return f"no trial keeps {asked}; loosen a limit, or search on"
    return (
        f"no trial keeps {asked}; {called(near)} comes nearest (it misses {broken(near)}): "
        "loosen a limit, or search on"
    )


def _items(given: Mapping[str, float] | None) -> Sequence[tuple[str, float]]:
    return list((given or {}).items())
