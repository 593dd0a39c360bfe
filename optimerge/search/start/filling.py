"""Points that fill a space evenly: a scrambled Sobol sequence, keyed by a seed.

Sobol, "On the distribution of points in a cube", 1967, https://doi.org/10.1016/0041-5553(67)90144-9;
scrambled as by Owen (scipy).

With one value a layer, every point of such a sequence has the same mean weight, and only noise
along the layers. So of a space with layer groups every first, third, … point has one value for all
layers, as fits a model that is merged whole.
"""

import math
from collections.abc import Iterator
from hashlib import blake2b

from optimerge.space.families import families
from optimerge.space.points import values
from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

MOST = 64
"""Points that are drawn in all: of a space with fewer points all are repeats after a while."""


def spread_points(space: SearchSpace, seed: int) -> Iterator[dict[str, Param]]:
    """Yield up to MOST points of the space, repeats among them if it has few."""
    import numpy as np
    from scipy.stats import qmc

    names = [d.name for d in space.dimensions]
    if not names:
        return
    tied = dict(zip(names, names, strict=True))
    for family in families(space):
        for row in family.rows:
            tied |= {d.name: row[0].name for d in row}
    digest = blake2b(f"optimerge warm start {seed}".encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    draws = qmc.Sobol(len(names), scramble=True, seed=rng).random(MOST)
    layered = any(name != first for name, first in tied.items())
    for n, draw in enumerate(draws):
        at = dict(zip(names, map(float, draw), strict=True))
        if layered and n % 2 == 0:
            at = {name: at[first] for name, first in tied.items()}
        yield _point(space, at)


def _point(space: SearchSpace, at: dict[str, float]) -> dict[str, Param]:
    chosen = {d.name: value_at(d, at[d.name]) for d in space.dimensions}
    method = str(chosen.get("merge_method", space.methods[0]))
    return {d.name: chosen[d.name] for d in space.active(method)}


def value_at(dimension: Dimension, share: float) -> Param:
    """Return the value at a share (0 to below 1) of a range: evenly, on its grid or log scale."""
    found = dimension.range
    if found.log:
        assert found.low is not None
        assert found.high is not None
        low, high = math.log(found.low), math.log(found.high)
        value = min(max(math.exp(low + share * (high - low)), found.low), found.high)
        return round(value) if dimension.kind == "integer" else value
    known = values(dimension)
    if known is not None:
        return known[int(share * len(known))]
    assert found.low is not None
    assert found.high is not None
    return found.low + share * (found.high - found.low)
