"""The share of parameters that a merge changes, by formula: no emulator is needed.

An expert of positive weight changes what its density keeps of its task vector, and the methods
here choose what to keep (nearly) independently of each other, so that a share
1 - prod(1 - density) of a part of the model changes. The parts' sizes are fitted to the data.
Methods that drop nothing (task_arithmetic) change every parameter as soon as any weight is above 0.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from benchmarks.surfaces.network import Numbers
from benchmarks.surfaces.points import Coordinates, Unit

WHOLE = frozenset({"task_arithmetic"})
"""Methods that keep all of a task vector."""


def changed(at: Coordinates, unit: Unit, method: NDArray[np.int64]) -> Numbers:
    """Return the share that changes of each part [n, parts] of points [n, d]."""
    values = at.low + np.nan_to_num(unit) * at.span
    whole = np.array([name in WHOLE for name in at.methods])[method]
    parts = []
    for part in _parts(at):
        kept = np.ones(len(values))
        for expert in at.experts:
            weight = values[:, part & at.where("weight", expert)][:, 0]
            density = values[:, part & at.where("density", expert)][:, 0]
            kept *= 1 - np.where(whole, 1.0, density) * (weight > 0)
        parts.append(1 - kept)
    return np.array(parts).reshape(-1, len(values)).T


def _parts(at: Coordinates) -> Iterator[NDArray[np.bool_]]:
    """Yield which dimensions are of each part: a group of layers and a kind of tensor."""
    keys = {d: (d.group, d.filter) for d in at.dimensions if str(d.site[-1]) == "density"}
    for key in dict.fromkeys(keys.values()):
        yield np.array([(d.group, d.filter) == key for d in at.dimensions])


def sizes(shares: Numbers, nonzero: Numbers) -> Numbers:
    """Return the parts' sizes [parts], 0 or more, that explain measured shares [n] best."""
    return np.asarray(nnls(shares, nonzero)[0] if shares.size else np.empty(0))
