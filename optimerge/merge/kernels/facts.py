"""What the program of a tensor needs to know of one model's task vector, found out when asked.

An engine keeps the answers from candidate to candidate in a `Memory`; a build forgets them.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.merge.kernels.magnitudes import Magnitudes, magnitudes
from optimerge.merge.kernels.program import (
    LEVELS,
    STEPS,
    STRIDE,
    Keep,
    Kernels,
    Random,
    Ranked,
    Source,
)
from optimerge.merge.selection.hashed import hash_key

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor

RANKED = 1 << 18
"""Entries whose places are found at a time."""
WORTH_A_TABLE = 8 * STEPS
"""Entries: a task vector that is smaller is measured for every candidate, as fast as looked up."""
EPSILONS = 2
"""Tables of DELLA's sums that are kept for a task vector: those of the epsilons met last."""


@dataclass(frozen=True)
class Memory:
    """What was found out about task vectors, by what identifies one.

    `steps` keeps the sums of DARE's and DELLA's masks too: worth a pass more where many densities
    follow.
    """

    magnitudes: dict[Hashable, Magnitudes] = field(default_factory=dict)
    places: "dict[Hashable, Tensor]" = field(default_factory=dict)
    shares: "dict[Hashable, dict[int, ndarray | None]]" = field(default_factory=dict)
    """By task vector and key, then by step (0 for DARE); None where a step was met but once."""
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
        upto = self._shares(keep, unit)
        if upto is not None:
            return unit, int(upto[-1]), int(upto[_step_of(keep)])
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

    def _shares(self, keep: Keep, unit: int) -> "ndarray | None":
        """Return the sums of |d| of what is kept at each step of the probability.

        None where no table is worth its pass: one is made when its step is met again, since in a
        search over epsilon each candidate has another. DARE has but one step.
        """
        import numpy as np

        worth = self.memory.steps and self.size >= WORTH_A_TABLE
        if not worth or not isinstance(keep, Random | Ranked) or _step_of(keep) is None:
            return None
        step = keep.step if isinstance(keep, Ranked) else 0
        known = self.memory.shares.setdefault((self.of, keep.key), {})
        met = step in known or isinstance(keep, Random)
        table = known.pop(step, None)  # and to the end again: what was met last
        if met and table is None:
            source = self.source(keep)
            table = self.kernels.shares(keep.key, self.base, source, unit, step=step).numpy()
            table = np.cumsum(table)
        known[step] = table
        while len(known) > EPSILONS:
            del known[next(iter(known))]
        return table

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
            found[part] = self.kernels.places(self._delta(part).view(shape)).reshape(-1)
        return found

    def _delta(self, part: slice) -> "Tensor":
        """Return a part of the task vector that begins at a row and ends with one."""
        values = self.values.values[part].float()
        if self.values.scales is None:
            return values - self.base[part].float()
        rows = slice(part.start // self.values.row, part.stop // self.values.row)
        return (values.view(-1, self.values.row) * self.values.scales[rows].view(-1, 1)).reshape(-1)


def _step_of(keep: Keep) -> int | None:
    """Return which of the STEPS a keep's probability is, None if none."""
    number, one = 0, 0
    if isinstance(keep, Random):
        number, one = keep.limit, LEVELS // STEPS
    elif isinstance(keep, Ranked):
        number, one = keep.start, STRIDE
    return number // one if one and number % one == 0 else None
