"""What a study's trials say, as arrays: rows, losses, noise, what is broken, what is under way."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from optimerge.front.losses import to_loss
from optimerge.search.samplers.mmmo.coding import Coding

if TYPE_CHECKING:
    from optuna.study import Study

Array = NDArray[np.float64]

POINT = "mmmo:point"
"""System attribute: what a running trial is going to ask for, as JSON."""


@dataclass(frozen=True)
class History:
    """A study as a sampler sees it."""

    rows: Array
    """[n, d], one for each scored trial, in the order of their numbers."""
    losses: Array
    """[n, m], finite."""
    variances: Array
    """[n, m], of the losses' noise; NaN where it is not known."""
    beyond: Array
    """[n, c], how far a trial is beyond each constraint; kept if not above 0."""
    pending: Array
    """[p, d], rows of trials that are being scored."""
    seen: frozenset[str]
    """The points of all trials in any state, as `key` writes them."""

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which trials [n] keep every constraint."""
        return np.asarray((self.beyond <= 0).all(axis=1), dtype=np.bool_)


def union_space(trials: Iterable[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Return every dimension of any trial with its latest range; ranges of one value are no choice.

    Optuna's own samplers take the intersection, so that in a conditional space (parameters that
    only some methods have) most dimensions would be drawn blindly.
    """
    found: dict[str, BaseDistribution] = {}
    for trial in trials:
        found.update(trial.distributions)
    return {name: d for name, d in sorted(found.items()) if not d.single()}


def read_history(
    study: "Study", current: int, coding: Coding, objectives: Sequence[str] = ()
) -> History:
    """Read a study's trials; `current` is the number of the trial that is being asked for.

    Failed and pruned trials, and those whose values are not finite, are no evidence, but not
    proposed again. `objectives`: the names that scores carry their standard errors under.
    """
    signs = [direction.name.lower() for direction in study.directions]
    scored: list[FrozenTrial] = []
    pending: list[Array] = []
    seen = set()
    for trial in study.get_trials(deepcopy=False):
        if trial.number == current:
            continue
        params = _params(trial)
        if params:
            seen.add(key(params, coding))
        if trial.state is TrialState.COMPLETE and np.isfinite(trial.values).all():
            scored.append(trial)
        elif trial.state is TrialState.RUNNING and params:
            pending.append(coding.row(params))
    losses = [
        [to_loss(value, sign) for value, sign in zip(trial.values, signs, strict=True)]  # type: ignore[arg-type]
        for trial in scored
    ]
    names = sorted({name for trial in scored for name in trial.constraints})
    return History(
        rows=np.array([coding.row(t.params) for t in scored]).reshape(-1, len(coding)),
        losses=np.array(losses, dtype=np.float64).reshape(-1, len(signs)),
        variances=np.array([_variances(t, objectives, len(signs)) for t in scored]).reshape(
            -1, len(signs)
        ),
        beyond=np.array([[t.constraints.get(n, 0.0) for n in names] for t in scored]).reshape(
            len(scored), len(names)
        ),
        pending=np.array(pending).reshape(-1, len(coding)),
        seen=frozenset(seen),
    )


def key(params: Mapping[str, Any], coding: Coding) -> str:
    """Return a point as text: two points are the same if they read the same."""
    return repr([(name, params[name]) for name in coding.space if name in params])


def with_structure(rows: Array, history: History, coding: Coding) -> Array:
    """Return rows [n, d] without the dimensions that such points do not have (NaN).

    Which those are, nobody tells a sampler: a row is taken to have the dimensions of the latest
    trial that agrees with it in most choices (of those that all trials have).
    """
    missing = np.isnan(history.rows)
    if not missing.any():
        return rows
    shared = coding.named & ~missing.any(axis=0)
    own = rows[:, None, shared] == history.rows[None, ::-1, shared]
    like = len(missing) - 1 - np.argmax(own.sum(axis=2), axis=1)
    return np.where(missing[like], np.nan, rows)


def _params(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's point, also of one that another process has only begun to ask for."""
    if trial.state is TrialState.RUNNING and POINT in trial.system_attrs:
        return json.loads(trial.system_attrs[POINT]) | trial.params
    return trial.params


def _variances(trial: FrozenTrial, objectives: Sequence[str], count: int) -> list[float]:
    scores = trial.user_attrs.get("scores", {})
    found = [np.nan] * count
    for column, name in enumerate(objectives[:count]):
        error = scores.get(name, {}).get("stderr")
        if error is not None and np.isfinite(error):
            found[column] = float(error) ** 2
    return found
