"""Finds the entries that are kept or dropped for no reason but the order of equal magnitudes.

Methods that keep the largest entries of a task vector must choose among equal ones where they
stop. mergekit leaves that to an unstable sort, optimerge takes the lowest index (exact mode). In
fast mode magnitudes are compared by their upper 16 bits, and a hash chooses among those in one bin
(`merge.kernels.magnitudes`). Such entries may differ from one tool to the other, others not.
"""

from typing import TYPE_CHECKING

from optimerge.merge.plan import TensorPlan
from optimerge.merge.selection.exact import ExactSelection

if TYPE_CHECKING:
    from torch import Generator, Tensor


class TieRecorder(ExactSelection):
    """Exact mode's selection that notes which entries equal the last one kept, others of them not.

    Entries of 0 are left out: whether they are kept changes nothing.
    """

    def __init__(self, generator: "Generator", *, bins: bool = False) -> None:
        """Make one; `bins`: magnitudes in one bin of fast mode count as equal."""
        super().__init__(generator)
        self._bins = bins
        self._found: list[Tensor] = []

    def largest(self, index: int, delta: "Tensor", keep: int) -> "Tensor":
        """Keep as exact mode does."""
        return self._note(delta, super().largest(index, delta, keep))

    def band(self, index: int, delta: "Tensor", drop_smallest: int, keep: int) -> "Tensor":
        """Keep as exact mode does."""
        return self._note(delta, super().band(index, delta, drop_smallest, keep))

    def row_ranks(self, index: int, delta: "Tensor") -> "Tensor":
        """Rank as exact mode does."""
        import torch

        ordered = delta.abs().float().view(-1, delta.shape[-1]).sort(dim=-1).values
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)).any():
            # Another mask gives another factor for the L1 norm: every entry of the tensor.
            self._found.append(torch.ones_like(delta, dtype=torch.bool))
        return super().row_ranks(index, delta)

    def tied(self, merged: "Tensor", tensor: TensorPlan) -> "Tensor":
        """Return where ties decide, of a tensor that was merged with this selection; booleans."""
        import torch

        found = torch.zeros(merged.shape, dtype=torch.bool)
        for mask in self._found:
            found |= mask.reshape(merged.shape).cpu()
        if tensor.shared.get("rescale") and found.any():
            found[...] = True  # the factor for the L1 norm again
        return found

    def _note(self, delta: "Tensor", mask: "Tensor") -> "Tensor":
        import torch

        magnitude = delta.abs().float()
        if self._bins:
            magnitude = magnitude.view(torch.int32) >> 16
        if mask.any():
            for edge in (magnitude[mask].min(), magnitude[mask].max()):
                at_edge = magnitude == edge
                if edge > 0 and (at_edge & ~mask).any():
                    self._found.append(at_edge)
        return mask
