"""Guesses at a candidate's losses from those of other models: pairing, made sharper."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHARE = 0.8
"""How much of the others' average is believed before anything is seen."""
RIDGE = 8.0
"""Items that this belief is worth."""


def guess_losses(known: Array, seen: Array, reach: float) -> Array:
    """Return guesses [n] at a candidate's losses on all items, from its first ones.

    A linear fit on the other models' losses, drawn towards `SHARE` of their average (ridge). Where
    models fail on the same items the guesses take away most of the noise of which items came
    first: the difference to one member, the usual pairing, is the guess with weight 1 on that
    member. A bad guess costs power, never validity: the race uses only how guesses differ from
    their own average over the items left (a control variate; Waudby-Smith and Ramdas 2024,
    "Estimating means of bounded random variables by betting", allow any predictable bet).

    The guesses lack a constant, which is no matter to the race.

    Args:
        known: Losses [k, n] of other models on all items.
        seen: The candidate's losses [m] on the first m items.
        reach: The range of an item's loss: the fit does not depend on its unit.

    Complexity: O(k² (m + k) + k n).
    """
    count, items = known.shape
    if not count:
        return np.zeros(items)
    weights = np.full(count, SHARE / count)
    if seen.size:
        part = known[:, : seen.size]
        part = part - part.mean(axis=1, keepdims=True)
        gram = part @ part.T + RIDGE * reach**2 * np.eye(count)
        weights += np.linalg.solve(gram, part @ (seen - seen.mean() - weights @ part))
    return np.asarray(weights @ known, dtype=np.float64)
