"""Noise as of real scores: right answers out of n items that all merges are scored on."""

import math
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

ITEMS = 400
"""Items a task."""
SHARED = 0.5
"""How much of what makes an item hard is the item's own, the same for every merge."""


def generator(*key: object) -> np.random.Generator:
    """Return a random stream that follows from the key only."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def observed(share: float, surface: str, task: str, point: bytes, items: int = ITEMS) -> float:
    """Return the share of items that come out right where `share` of all items would.

    Item i is right if a uniform number lies below `share`. Half of that number's variance belongs
    to the item and is the same at every point, half to the item and the point: scores of two
    points have errors that correlate, as scores on the same items do, and each alone is binomial.
    """
    own = generator(surface, task, point).standard_normal(items)
    mixed = math.sqrt(SHARED) * _hardness(surface, task, items) + math.sqrt(1 - SHARED) * own
    return float(np.mean(ndtr(mixed) < share))


def standard_error(share: float, items: int = ITEMS) -> float:
    """Return the standard error of a share as lm-eval states it, with n - 1."""
    return math.sqrt(share * (1 - share) / (items - 1))


@lru_cache(maxsize=64)
def _hardness(surface: str, task: str, items: int) -> NDArray[np.float64]:
    return generator(surface, task, "items").standard_normal(items)
