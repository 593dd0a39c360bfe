"""Studies and histories that the tests of `mmmo` share."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution

from optimerge.search.samplers.history import History
from optimerge.search.surrogate.domain import Domain

Array = NDArray[np.float64]

SIX = Domain({f"x{i}": FloatDistribution(0.0, 1.0) for i in range(6)})


def scores(rows: Array) -> Array:
    """Two scores between 0.4 and 0.6 with their optima apart, and minus a sparsity [n, 3]."""
    one = 0.4 + 0.2 * np.exp(-((rows - 0.3) ** 2).sum(axis=1))
    two = 0.4 + 0.2 * np.exp(-((rows - 0.7) ** 2).sum(axis=1))
    return np.stack([one, two, -rows.mean(axis=1)], axis=1)


def history(trials: int = 10, unit: tuple[float, float, float] = (1, 1, 1), **over: Any) -> History:
    """Uniform points with their scores, in the units given."""
    rows = np.random.default_rng(0).random((trials, 6))
    losses = -scores(rows) * unit
    known: dict[str, Any] = {
        "rows": rows,
        "losses": losses,
        "variances": np.full_like(losses, np.nan),
        "beyond": np.zeros((trials, 0)),
        "pending": np.zeros((0, 6)),
        "failed": np.zeros((0, 6)),
        "seen": frozenset(),
    }
    return History(**(known | over))


Values = Callable[[Mapping[str, Any]], list[float]]


def searched(
    sampler: optuna.samplers.BaseSampler,
    values: Values,
    distributions: dict[str, optuna.distributions.BaseDistribution],
    trials: int,
    directions: tuple[str, ...] = ("maximize", "maximize", "minimize"),
) -> optuna.Study:
    """A study of so many trials, asked and told in turn."""
    study = optuna.create_study(directions=list(directions), sampler=sampler)
    for _ in range(trials):
        trial = study.ask(distributions)
        study.tell(trial, values(trial.params))
    return study


def values(params: Mapping[str, Any]) -> list[float]:
    """The scores and the sparsity of a point of SIX."""
    row = np.array([[params[name] for name in SIX.names]])
    one, two, three = scores(row)[0].tolist()
    return [one, two, -three]
