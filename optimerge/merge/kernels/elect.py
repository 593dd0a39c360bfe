"""TIES' election in torch: of the task vectors' entries, those that have the sum's sign."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimerge.merge.kernels.buffers import Buffers

if TYPE_CHECKING:
    from torch import Tensor


def elected(
    deltas: "Tensor", weights: Sequence[float], normalize: bool, buffers: Buffers, nan: bool
) -> "Tensor":
    """Return m, as `program` defines it, in a buffer.

    The memory of `deltas`, the weighted task vectors in rows, is used up: they are turned by the
    sign, so that to agree is to be positive, and their sum is turned back; both are exact.
    `nan`: whether a NaN is left out, as everything that does not agree; if not, it is carried on
    to the result.
    """
    import torch

    count, size = deltas.shape
    zero = deltas.new_zeros(())
    sign, m = buffers.floats("sign", size), buffers.floats("sum", size)
    torch.threshold_(_sum(deltas, sign).ge_(zero), 0, -1)
    deltas.mul_(sign)
    if nan:
        deltas.masked_fill_(deltas.isnan(), 0)
    _sum(deltas.relu_(), m)
    # A negative zero becomes the positive one that a sum from 0 gives.
    torch.addcmul(zero, m, sign, out=m)
    if not normalize:
        return m
    weight = deltas.new_tensor(weights).view(count, 1).expand(count, size)
    torch.ops.aten.threshold_backward.grad_input(weight, deltas, 0, grad_input=deltas)
    total = _sum(deltas, sign)
    if min(weights) >= 0:
        torch.threshold_(total, 0, 1)
    else:
        total.add_(torch.eq(total, zero, out=deltas[0]))
    return m.div_(total)


def _sum(rows: "Tensor", out: "Tensor") -> "Tensor":
    """Add rows up in their order."""
    import torch

    if len(rows) == 1:
        return out.copy_(rows[0])
    torch.add(rows[0], rows[1], out=out)
    for row in rows[2:]:
        out.add_(row)
    return out
