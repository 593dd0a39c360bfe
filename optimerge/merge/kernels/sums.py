"""How a part of a merge, as written, differs from the base: counted and summed in torch."""

from typing import TYPE_CHECKING

from optimerge.merge.kernels.buffers import Buffers
from optimerge.merge.kernels.program import BLOCK
from optimerge.merge.stats import Change

if TYPE_CHECKING:
    from torch import Tensor

STRETCH = 512
"""Entries whose squares are summed in a row: a plain float32 sum of so few is within 1e-7."""


def compared(written: "Tensor", base: "Tensor", buffers: Buffers) -> Change:
    """Return how a part differs from the base's, which is float32."""
    import torch

    size = written.numel()
    padded = -(-size // BLOCK) * BLOCK
    whole = buffers.floats("sum", padded)
    difference = whole[:size]
    if written.dtype == torch.float32:
        torch.sub(written, base, out=difference)
    else:
        difference.copy_(written).sub_(base)
    whole[size:] = 0
    blocks = whole.view(-1, BLOCK)
    lengths = torch.linalg.vector_norm(whole.view(-1, STRETCH), dim=1).double()
    sums = torch.stack(
        (
            blocks.abs_().sum(dim=1).double().sum(),
            lengths.square_().sum(),
            blocks.ne_(whole.new_zeros(())).sum(dim=1).double().sum(),
        )
    )
    l1, squares, nonzero = sums.tolist()
    return Change(size, int(nonzero), l1, squares)
