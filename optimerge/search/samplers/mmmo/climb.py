"""Finds where an acquisition is largest: many draws, then moves of the best, no gradients.

Rows may hold choices, steps and missing dimensions, and some thousand rows cost a surrogate hardly
more than a dozen. Not `acquisition.pool`: its candidates are already crossed with good ones, and
MM-MO's parts are to be told apart.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optimerge.search.acquisition.pool import moved, uniform
from optimerge.search.surrogate.domain import Domain

Array = NDArray[np.float64]

DRAWS, RESTARTS = 512, 10
"""As released: BoTorch's `raw_samples` and `num_restarts`."""

_ROUNDS, _CHILDREN, _NEAR = 10, 16, 128


def climb(
    worth: Callable[[Array], Array],
    complete: Callable[[Array], Array],
    domain: Domain,
    starts: Array,
    rng: np.random.Generator,
) -> tuple[Array, float]:
    """Return the best row [d] found and what it is worth.

    `complete` makes rows whole points (on their steps, with the dimensions that they have);
    `starts` [s, d] are rows to look round beside the draws. A row only gives way to a better one:
    where the function is flat, what comes back is a uniform draw.
    """
    rows = uniform(domain, DRAWS, rng)
    if len(starts):
        near = domain.filled(starts[rng.integers(len(starts), size=_NEAR)], rng)
        rows = np.concatenate((rows, moved(domain, near, rng, 0.01, 0.3, stopping=False)))
    rows = complete(rows)
    values = worth(rows)
    best = np.argsort(-values, kind="stable")[:RESTARTS]
    rows, values = rows[best], values[best]
    for turn in range(_ROUNDS):
        reach = 0.3 * 0.6**turn
        parents = domain.filled(np.repeat(rows, _CHILDREN, axis=0), rng)
        brood = complete(moved(domain, parents, rng, reach / 10, reach, stopping=False))
        found = worth(brood).reshape(len(rows), _CHILDREN)
        own = np.arange(len(rows))
        first = found.argmax(axis=1)
        better = found[own, first] > values
        rows = np.where(better[:, None], brood.reshape(len(rows), _CHILDREN, -1)[own, first], rows)
        values = np.where(better, found[own, first], values)
    top = int(np.argmax(values))
    return rows[top], float(values[top])
