"""What a study's trials say, as arrays: rows, losses, noise, what is broken, what is under way."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from optimerge.front.losses import to_loss
from optimerge.search.surrogate.domain import Domain

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

    from optimerge.records.types import Direction

Array = NDArray[np.float64]

HUGE = 1e50
"""Numbers beyond this are taken for this: their squares must still be numbers."""
POINT = "surrogate:point"
"""System attribute: what a running trial is going to ask for, as JSON."""


@dataclass(frozen=True)
class History:
    """A study as a sampler sees it; n scored trials in the order of their numbers."""

    rows: Array
    """[n, d]; NaN for dimensions that a trial does not have."""
    losses: Array
    """[n, m], finite."""
    variances: Array
    """[n, m], of the losses' noise; NaN where it is not known."""
    beyond: Array
    """[n, c], how far a trial is beyond each constraint; kept if not above 0."""
    pending: Array
    """[p, d], rows of trials that are being scored."""
    failed: Array
    """[f, d], rows of trials that could not be scored."""
    seen: frozenset[str]
    """The points of all trials in any state, as `key` writes them."""

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which trials [n] keep every constraint."""
        return np.asarray((self.beyond <= 0).all(axis=1), dtype=np.bool_)


def union_space(trials: Iterable[FrozenTrial]) -> "dict[str, BaseDistribution]":
    """Return every dimension of any trial with its latest range; ranges of one value are no choice.

    Optuna's own samplers take the intersection, so that in a conditional space (parameters that
    only some methods have) most dimensions would be drawn blindly.
    """
    found: dict[str, BaseDistribution] = {}
    for trial in trials:
        found.update(trial.distributions)
    return {name: d for name, d in sorted(found.items()) if not d.single()}


def read_history(
    study: "Study", current: int, domain: Domain, objectives: Sequence[str] = ()
) -> History:
    """Read a study's trials; `current` is the number of the trial that is being asked for.

    Failed and pruned trials, and those whose values are not finite, are no evidence, but not
    proposed again. `objectives`: the names that scores carry their standard errors under.
    """
    directions = [cast("Direction", direction.name.lower()) for direction in study.directions]
    scored: list[FrozenTrial] = []
    pending, failed, seen = [], [], set()
    for trial in study.get_trials(deepcopy=False):
        point = {} if trial.number == current else _point(trial)
        if point:
            seen.add(key(point, domain))
        if trial.state is TrialState.COMPLETE and np.isfinite(trial.values).all():
            scored.append(trial)
        elif trial.state is TrialState.RUNNING and point:
            pending.append(point)
        elif trial.state is TrialState.FAIL and point:
            failed.append(point)
    m, names = len(directions), sorted({name for trial in scored for name in trial.constraints})
    losses = [
        [to_loss(value, way) for value, way in zip(trial.values or (), directions, strict=True)]
        for trial in scored
    ]
    noise = [_variances(trial, objectives, m) for trial in scored]
    beyond = [[trial.constraints.get(name, 0.0) for name in names] for trial in scored]
    return History(
        rows=_encoded([trial.params for trial in scored], domain),
        losses=np.clip(np.array(losses, dtype=np.float64).reshape(-1, m), -HUGE, HUGE),
        variances=np.array(noise, dtype=np.float64).reshape(-1, m),
        beyond=_limited(np.array(beyond, dtype=np.float64).reshape(len(scored), len(names))),
        pending=_encoded(pending, domain),
        failed=_encoded(failed, domain),
        seen=frozenset(seen),
    )


def key(params: Mapping[str, Any], domain: Domain) -> str:
    """Return a point as text: two points are the same if they read the same."""
    return repr([(name, _rounded(params[name])) for name in domain.names if name in params])


def _rounded(value: Any) -> Any:
    """Return a number without its last digits: steps of 0.1 come to 0.3 and 0.30000000000000004."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def with_structure(rows: Array, history: History, domain: Domain) -> Array:
    """Return rows [n, d] without the dimensions that such points do not have (NaN).

    A domain that has a switch knows them. Else nobody tells a sampler: a row is taken to have the
    dimensions of the latest trial that agrees with it in most of the choices that all trials have.
    """
    missing = np.isnan(history.rows)
    if domain.switch is not None or not missing.any():
        return domain.snapped(rows)
    shared = ~domain.numeric & ~missing.any(axis=0)
    own = rows[:, None, shared] == history.rows[None, ::-1, shared]
    like = len(missing) - 1 - np.argmax(own.sum(axis=2), axis=1)
    return np.where(missing[like], np.nan, domain.snapped(rows))


def inside(domain: Domain, name: str, value: Any) -> bool:
    """Whether the domain has the dimension and the value is one of its."""
    distribution = domain.distributions.get(name)
    if distribution is None:
        return False
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:  # a choice that there no longer is
        return False


def _point(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's point, also of one that another process has only begun to ask for."""
    if trial.state is TrialState.RUNNING and POINT in trial.system_attrs:
        published: dict[str, Any] = json.loads(trial.system_attrs[POINT])
        return published | trial.params
    return trial.params


def _limited(beyond: Array) -> Array:
    """Return excesses [n, c] cut at ten times the usual one; beyond, one is as bad as another."""
    found = np.nan_to_num(np.clip(beyond, -HUGE, HUGE), nan=HUGE)
    for column in found.T:
        usual = np.median(np.abs(column))
        if usual > 0:
            np.clip(column, -10 * usual, 10 * usual, out=column)
    return found


def _encoded(points: Sequence[Mapping[str, Any]], domain: Domain) -> Array:
    """Return points as rows [n, d], without what lies outside the ranges that hold now."""
    kept = [
        {name: value for name, value in point.items() if inside(domain, name, value)}
        for point in points
    ]
    return domain.encode(kept)


def _variances(trial: FrozenTrial, objectives: Sequence[str], count: int) -> list[float]:
    scores = trial.user_attrs.get("scores", {})
    found = [np.nan] * count
    for column, name in enumerate(objectives[:count]):
        error = scores.get(name, {}).get("stderr")
        if error is not None and np.isfinite(error):
            found[column] = min(float(error), HUGE) ** 2
    return found
