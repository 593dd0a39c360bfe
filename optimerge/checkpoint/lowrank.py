"""Adds a LoRA adapter to a weight: in float32 unrounded, or as peft and so mergekit bake it in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Factors:
    """The factors of one weight, loaded; fields as those of `adapter.LowRank`."""

    a: "Tensor"
    b: "Tensor"
    scale: float
    transposed: bool
    embedding: bool


def adapted(weight: "Tensor", factors: Factors, *, rounded: bool) -> "Tensor":
    """Return weight + scale * B @ A, computed in float32 (float64 for float64 weights).

    Not `rounded`: the sum as it is, in that wider type: nothing of a small change is lost to
    the weight's rounding. `rounded`: in the weight's dtype, bit for bit as peft 0.21 merges on a
    CPU: a layer's sum is rounded once; an embedding's change is rounded before it is added.
    """
    import torch

    work = torch.promote_types(weight.dtype, torch.float32)
    a, b = factors.a.to(work), factors.b.to(work)
    # In place, so that no more than one tensor of the weight's size is made.
    change = (b @ a).mul_(factors.scale)
    change = change.T.contiguous() if factors.transposed else change
    if rounded and factors.embedding:
        return weight + change.to(weight.dtype)
    change.add_(weight)
    return change.to(weight.dtype) if rounded else change
