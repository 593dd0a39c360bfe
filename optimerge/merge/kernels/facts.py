"""What the program of a tensor needs to know of one model's task vector, found out when asked.

An engine keeps the answers from candidate to candidate in a `Memory`; a build forgets them.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.merge.kernels.magnitudes import Magnitudes, magnitudes
from optimerge.merge.kernels.places import places
from optimerge.merge.kernels.program import LEVELS, STEPS, Keep, Kernels, Random, Ranked, Source
from optimerge.merge.selection.hashed import hash_key

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor

RANKED = 1 << 18
"""Entries whose places are found at a time."""


@dataclass(frozen=True)
class Memory:
    """What was found out about task vectors, by what identifies one.

    `steps` keeps the sums of DARE's masks too: worth a pass more where many densities follow.
    """

    magnitudes: dict[Hashable, Magnitudes] = field(default_factory=dict)
    places: "dict[Hashable, Tensor]" = field(default_factory=dict)
    shares: "dict[Hashable, ndarray]" = field(default_factory=dict)
    steps: bool = False


@dataclass(frozen=True)
class Facts:
    """One task vector: an input of the tensor being merged, less the base."""

    kernels: Kernels
    base: "Tensor"
    """Flat."""
    values: Source
    """Flat; without places."""
    shape: tuple[int, ...]
    of: Hashable
    """What identifies the task vector in `memory`."""
    seed: int
    tensor: str
    """Name of the output tensor."""
    index: int
    """The input's position in the recipe."""
    memory: Memory

    @property
    def size(self) -> int:
        """Entries."""
        return self.base.numel()

    def key(self, purpose: str) -> int:
        """Return the key of the input's random numbers."""
        return hash_key(self.seed, self.tensor, str(self.index), purpose)

    def code(self, keep: int) -> int:
        """Return the `low` of a band of the `keep` largest magnitudes."""
        return self._magnitudes.code(keep)

    def norms(self, keep: Keep) -> tuple[int, int, int]:
        """Return (unit, norm before, norm after thinning) as in `Kernels.norms`."""
        unit = self._magnitudes.unit
        if isinstance(keep, Random) and self.memory.steps and keep.limit % (LEVELS // STEPS) == 0:
            upto = self._shares(keep.key, unit)
            return unit, int(upto[-1]), int(upto[keep.limit // (LEVELS // STEPS)])
        before, after = self.kernels.norms(keep, self.base, self.source(keep), unit)
        return unit, before, after

    def source(self, keep: Keep) -> Source:
        """Return the input as a kernel that keeps so needs it: with places, if by rank."""
        if not isinstance(keep, Ranked):
            return self.values
        known = self.memory.places
        if self.of not in known:
            known[self.of] = self._places()
        v = self.values
        return Source(v.values, v.scales, v.row, known[self.of])

    @property
    def _magnitudes(self) -> Magnitudes:
        known = self.memory.magnitudes
        if self.of not in known:
            known[self.of] = magnitudes(self.kernels.magnitudes(self.base, self.values))
        return known[self.of]

    def _shares(self, key: int, unit: int) -> "ndarray":
        """Return the sums of |d| of the entries below each step of DARE's probability."""
        import numpy as np

        known = self.memory.shares
        if (self.of, key) not in known:
            sums = self.kernels.shares(key, self.base, self.values, unit).numpy()
            known[self.of, key] = np.concatenate([[0], np.cumsum(sums)])
        return known[self.of, key]

    def _places(self) -> "Tensor":
        """Return the places, made some rows at a time: ranking takes much memory an entry."""
        import torch

        found = torch.empty(self.size, dtype=torch.uint8, device=self.base.device)
        rows = self.shape[0] if len(self.shape) > 1 else 1
        width = self.size // max(1, rows)
        some = max(1, RANKED // max(1, width))
        for first in range(0, rows, some):
            here = min(some, rows - first)
            part = slice(first * width, (first + here) * width)
            shape = (here, *self.shape[1:]) if len(self.shape) > 1 else self.shape
            found[part] = places(self._delta(part).view(shape)).reshape(-1)
        return found

    def _delta(self, part: slice) -> "Tensor":
        """Return a part of the task vector that begins at a row and ends with one."""
        values = self.values.values[part].float()
        if self.values.scales is None:
            return values - self.base[part].float()
        rows = slice(part.start // self.values.row, part.stop // self.values.row)
        return (values.view(-1, self.values.row) * self.values.scales[rows].view(-1, 1)).reshape(-1)
