"""A preference as weights, one for each objective that matters: `gsm8k=2,code=1`."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optimerge.errors import RunError, did_you_mean


def parse_weights(text: str, objectives: Sequence[str]) -> NDArray[np.float64]:
    """Return the weights [m] that `NAME=WEIGHT,...` gives the objectives; they sum to 1.

    An objective that is not named has the weight 0: it does not matter.

    Raises:
        RunError: If a name is unknown or comes twice, or a weight is not a positive number.

    >>> parse_weights("a=2,c=6", ["a", "b", "c"])
    array([0.25, 0.  , 0.75])
    """
    weights = np.zeros(len(objectives))
    left = ""
    for piece in text.split(","):  # a name may hold a comma
        left = f"{left},{piece}" if left else piece
        name, _, number = left.rpartition("=")
        if name.strip() not in objectives:
            continue
        column, left = list(objectives).index(name.strip()), ""
        if weights[column]:
            raise RunError(f"weights: {name.strip()!r} has two weights; give it one")
        weights[column] = _positive(name.strip(), number)
    if left or not weights.any():
        raise RunError(_unknown(left, objectives))
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def said(weights: NDArray[np.float64], objectives: Sequence[str]) -> str:
    """Return the weights as people read them.

    >>> said(np.array([0.25, 0.0, 0.75]), ["a", "b", "c"])
    'a 0.25, c 0.75'
    """
    shown = zip(objectives, weights.tolist(), strict=True)
    return ", ".join(f"{name} {weight:.3g}" for name, weight in shown if weight)


def _positive(name: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not (0 < weight < math.inf):
        raise RunError(
            f"weights: {name}={number.strip()} is no positive number; leave an objective out that "
            "does not matter"
        )
    return weight


def _unknown(text: str, objectives: Sequence[str]) -> str:
    name, equals, _ = text.partition("=")
    if not equals:
        return f"weights: {text!r} has no weight; write weights:NAME=NUMBER,NAME=NUMBER"
    hint = did_you_mean(name.strip(), objectives)
    return (
        f"weights: no objective {name.strip()!r} in this run{hint or ';'} it has "
        f"{', '.join(objectives)}"
    )
