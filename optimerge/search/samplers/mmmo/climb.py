"""Finds where a function over the coded space is largest: many draws, then mutation of the best.

No gradients: rows may hold choices, steps and missing dimensions, and a function of some thousand
rows costs a surrogate hardly more than one of a dozen.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optimerge.search.samplers.mmmo.coding import Coding

Array = NDArray[np.float64]

DRAWS, RESTARTS = 512, 10
"""As released: BoTorch's `raw_samples` and `num_restarts`."""

_ROUNDS, _BROOD = 20, 10
_WIDTH, _SHRINK = 0.25, 0.8
_MUTATED = 12
"""How many dimensions of a row change at once, on average, at most."""


def draw(coding: Coding, count: int, rng: np.random.Generator) -> Array:
    """Return uniform rows [count, d]."""
    return coding.snapped(rng.random((count, len(coding))))


def climb(
    value: Callable[[Array], Array],
    complete: Callable[[Array], Array],
    coding: Coding,
    starts: Array,
    rng: np.random.Generator,
) -> tuple[Array, float]:
    """Return the best row [d] found and its value.

    `complete` makes rows whole points of the space (which dimensions they have); `starts` [s, d]
    are rows worth a look round beside the draws. A row only gives way to a better one: where the
    function is flat, what comes back is the first of the best, a uniform draw.
    """
    around = starts[rng.integers(len(starts), size=DRAWS // 4)] if len(starts) else starts
    around = _mutants(_filled(around, coding, rng), coding, 0.1, rng)
    rows = complete(np.concatenate((draw(coding, DRAWS, rng), around)))
    values = value(rows)
    best = np.argsort(-values, kind="stable")[:RESTARTS]
    rows, values, width = rows[best], values[best], _WIDTH
    for _ in range(_ROUNDS):
        filled = _filled(rows, coding, rng)
        brood = complete(_mutants(np.repeat(filled, _BROOD, axis=0), coding, width, rng))
        found = value(brood).reshape(len(rows), _BROOD)
        first = found.argmax(axis=1)
        chosen = found[np.arange(len(rows)), first]
        better = chosen > values
        children = brood.reshape(len(rows), _BROOD, -1)[np.arange(len(rows)), first]
        rows = np.where(better[:, None], children, rows)
        values = np.where(better, chosen, values)
        width *= _SHRINK
    top = int(np.argmax(values))
    return rows[top], float(values[top])


def _mutants(rows: Array, coding: Coding, width: float, rng: np.random.Generator) -> Array:
    """Move some dimensions of each row by a normal step; a choice that changes is drawn anew."""
    changed = rng.random(rows.shape) < min(1.0, _MUTATED / max(1, rows.shape[1]))
    stepped = rows + width * rng.standard_normal(rows.shape)
    # back from the walls: clipping would pile the mutants up in the corners
    stepped = 1.0 - np.abs(1.0 - np.mod(stepped, 2.0))
    anew = rng.random(rows.shape)
    redrawn = coding.named & (rng.random(rows.shape) < width)
    moved = np.where(coding.named, np.where(redrawn, anew, rows), stepped)
    return coding.snapped(np.where(changed, moved, rows))


def _filled(rows: Array, coding: Coding, rng: np.random.Generator) -> Array:
    """Give rows the dimensions that they lack, for what they may turn into."""
    return np.where(np.isnan(rows), draw(coding, len(rows), rng), rows)
