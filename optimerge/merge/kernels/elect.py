"""TIES' election in torch: of the task vectors' entries, those that have the sum's sign."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimerge.merge.kernels.buffers import Buffers, Rows
from optimerge.merge.kernels.thin import above

if TYPE_CHECKING:
    from torch import Tensor


class Election:
    """The election among task vectors of these weights.

    Entries are turned by the sign, so that to agree is to be positive, and their sum is turned
    back; both are exact.
    """

    def __init__(self, weights: Sequence[float], normalize: bool, buffers: Buffers) -> None:
        self._buffers, self._normalize = buffers, normalize
        self._weights = buffers.zero.new_tensor([[w] for w in weights])
        self._positive = min(weights) >= 0

    def __call__(self, deltas: Rows, nan: bool) -> "Tensor":
        """Return m, as `program` defines it, in a buffer.

        `deltas`, the weighted task vectors, are used up. `nan`: whether a NaN is left out, as
        everything that does not agree; if not, it is carried on to the result.
        """
        import torch

        zero, all_of, size = self._buffers.zero, deltas.whole, deltas.whole.shape[1]
        sign, m = self._buffers.row("sign", size), self._buffers.row("sum", size)
        torch.threshold_(_sum(deltas.each, sign).ge_(zero), 0, -1)
        all_of.mul_(sign)
        if nan:
            all_of.masked_fill_(all_of.isnan(), 0)
        all_of.relu_()
        _sum(deltas.each, m)
        # A negative zero becomes the positive one that a sum from 0 gives.
        torch.addcmul(zero, m, sign, out=m)
        if not self._normalize:
            return m
        above()(self._weights.expand_as(all_of), all_of, 0, grad_input=all_of)
        total = deltas.each[0]
        for agreed in deltas.each[1:]:
            total.add_(agreed)
        if self._positive:
            torch.threshold_(total, 0, 1)
        else:
            total.add_(torch.eq(total, zero, out=sign))
        return m.div_(total)


def _sum(rows: "Sequence[Tensor]", out: "Tensor") -> "Tensor":
    """Add rows up in their order."""
    import torch

    if len(rows) == 1:
        return out.copy_(rows[0])
    torch.add(rows[0], rows[1], out=out)
    for row in rows[2:]:
        out.add_(row)
    return out
