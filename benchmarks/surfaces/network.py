"""The emulators' networks, in numpy: some small ones whose answers are averaged.

Each has two hidden layers; inputs are a point's numbers, plain and bent, and its method. They say
logits of accuracies, of search items first and test items then. Neither a Gaussian process nor
kernel densities: it should favour no sampler. Trained by fit.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.surfaces.points import Unit

Numbers = NDArray[np.float64]
BEND = 10.0
"""How much closer the bent copy of the inputs looks at low ends, where merges change fastest."""


def inputs(unit: Unit, method: NDArray[np.int64], methods: int) -> Numbers:
    """Return what networks read [n, k] of points [n, d], all between -1 and 1.

    First the points' numbers, then these bent (log(1 + 10 u)), then which method it is. Where the
    method lacks a dimension, its middle.
    """
    there = np.nan_to_num(unit, nan=0.5)
    parts = [2 * there - 1, 2 * np.log1p(BEND * there) / np.log1p(BEND) - 1]
    if methods > 1:
        parts.append(np.eye(methods)[method])
    return np.hstack(parts)


@dataclass(frozen=True)
class Networks:
    """Weights of m networks by layer: [m, inputs, outputs], biases [m, 1, outputs]."""

    weights: tuple[Numbers, ...]
    biases: tuple[Numbers, ...]

    def logits(self, x: Numbers) -> Numbers:
        """Return each network's logits [m, n, outputs] for inputs [n, k]."""
        hidden = x[None]
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = hidden @ weight + bias
            if layer < last:
                hidden = np.tanh(hidden)
        return hidden

    def shares(self, x: Numbers, members: slice = slice(None)) -> Numbers:
        """Return the accuracies [n, outputs] of the networks' mean logits."""
        chosen = Networks(
            tuple(w[members] for w in self.weights), tuple(b[members] for b in self.biases)
        )
        return np.asarray(1 / (1 + np.exp(-chosen.logits(x).mean(0))))
