"""The emulators' networks, in numpy: some small ones whose answers are averaged.

Each has two hidden layers; inputs are a point's numbers around 0 and which method it is. They say
logits of accuracies, of search items first and test items then. Neither a Gaussian process nor
kernel densities: it should favour no sampler. Trained by fit.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.surfaces.points import Unit

Numbers = NDArray[np.float64]


def inputs(unit: Unit, method: NDArray[np.int64], methods: int) -> Numbers:
    """Return what networks read [n, k] of points [n, d]: -1 to 1, 0 where there is nothing."""
    centred = np.nan_to_num(2 * unit - 1)
    if methods == 1:
        return centred
    return np.hstack([centred, np.eye(methods)[method]])


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
        return 1 / (1 + np.exp(-chosen.logits(x).mean(0)))
