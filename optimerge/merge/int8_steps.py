"""Task vectors in int8 steps: half the memory of bfloat16 weights, a quarter of float32 ones.

Of an expert x with base b, a row is the last dimension (a vector is one row):

    d = float32(x) - float32(b)
    scale = max(max |d| of the row / 127, 2**-126)
    q = d / scale rounded to nearest, ties to even: -127 to 127
    x' = float32(b) + float32(q) * scale

in float32, each operation rounded once (no fused multiply-add). So |d - q * scale| is at most half
a step (but for float32's own rounding), zeros stay zeros, and an expert equal to its base stays
so. The bound on the scale keeps denormal numbers out of it: devices may flush them.

Error of a merge in bfloat16: 0.0899 of the task vector's length against 0.0896 for full weights,
which is what rounding the result costs (docs/log.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from optimerge.errors import CheckpointError
from optimerge.merge.kernels.program import Source
from optimerge.merge.plan import InputTensor

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STEPS = 127
SMALLEST = 2.0**-126
"""Of scales: the smallest float32 that is not denormal."""
PART = 1 << 22
"""Entries rounded at a time: their float32 temporaries are all that comes on top."""

Weight = Union["Tensor", "Steps"]
"""One model's tensor as a merge reads it."""


@dataclass(frozen=True, eq=False)
class Steps:
    """An expert's tensor, kept as int8 steps from its base; stands in for the float32 tensor."""

    values: "Tensor"
    """int8, of the tensor's shape, contiguous."""
    scales: "Tensor"
    """float32, the step of each row, flat."""
    base: "Tensor"
    """The base's tensor, of the same shape, contiguous, any float dtype."""
    origin: frozenset[tuple[str, str]]
    """(reference, name) under which recipes name `base`."""

    @property
    def shape(self) -> "torch.Size":
        """Shape of the tensor."""
        return self.values.shape

    @property
    def dtype(self) -> "torch.dtype":
        """The dtype of `dense`."""
        return self.scales.dtype

    @property
    def device(self) -> "torch.device":
        """Where the tensor is."""
        return self.values.device

    def dense(self) -> "Tensor":
        """Return the tensor x' in float32, in memory of its own."""
        rows = self.values.view(-1, self.shape[-1]).float().mul_(self.scales.view(-1, 1))
        return rows.add_(self.base.view(-1, self.shape[-1]).float()).view(self.shape)

    def to(self, dtype: "torch.dtype") -> "Tensor":
        """Return the tensor in that dtype."""
        return self.dense().to(dtype)

    def starts_from(self, base: InputTensor | None) -> bool:
        """Whether a merge that takes task vectors from `base` can read the steps as they are."""
        return base is not None and (base.model, base.tensor) in self.origin

    @property
    def source(self) -> Source:
        """The task vector as the fused kernels read it."""
        return Source(self.values.view(-1), self.scales, self.shape[-1])


def round_to_steps(weight: "Tensor", base: "Tensor", values: "Tensor", scales: "Tensor") -> None:
    """Write the steps of `weight` from `base` to `values` and their scales to `scales`.

    Args:
        weight: The expert's tensor; contiguous, as the others.
        base: The base's, of the same shape.
        values: int8, of that shape.
        scales: float32, flat, one a row.

    CheckpointError if a difference is not finite in float32.
    """
    import torch

    length = weight.shape[-1]
    x, b, q = (t.view(-1, length) for t in (weight, base, values))
    count = max(1, PART // length)
    for start in range(0, len(x), count):
        rows = slice(start, start + count)
        d = x[rows].float() - b[rows].float()
        scale = (d.abs().amax(dim=1) / STEPS).clamp_(min=SMALLEST)
        scales[rows] = scale
        q[rows] = d.div_(scale.view(-1, 1)).round_().to(torch.int8)
    if not bool(scales.isfinite().all()):
        raise CheckpointError("differs from the base by more than float32 holds, or by NaN")


def dense(weight: Weight) -> "Tensor":
    """Return the tensor itself, also of one that is kept in steps."""
    return weight.dense() if isinstance(weight, Steps) else weight


def moved(weight: Weight, device: str) -> Weight:
    """Return the weight on another device, in memory of its own."""
    if not isinstance(weight, Steps):
        return weight.to(device)
    values, scales, base = (t.to(device) for t in (weight.values, weight.scales, weight.base))
    return Steps(values, scales, base, weight.origin)


def readable(weights: Sequence[Weight], base: InputTensor | None) -> list[Weight]:
    """Leave the steps from `base` as they are and return the other tensors dense."""
    return [w if isinstance(w, Steps) and w.starts_from(base) else dense(w) for w in weights]
