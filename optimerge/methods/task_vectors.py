"""Generalised task arithmetic: the common body of eight merge methods.

With base b, inputs x_i, weights w_i and a way to thin out a task vector:

    D_i = w_i * sparsify(x_i - b)
    without election:  mix = sum D_i                      div = sum w_i
    with election:     s = sign(sum D_i), 0 counts as +   (per entry)
                       mix = sum of D_i where sign(D_i) = s,  div = sum of those w_i
    y = b + lambda * mix (/ div if normalize)

A divisor of 0 counts as 1. All of it happens in the dtype of the inputs, with sums over the
stacked task vectors, in mergekit's order of operations.
"""

from typing import TYPE_CHECKING

from optimerge.errors import MethodError
from optimerge.methods.parameters import flag, real
from optimerge.methods.protocol import TensorGroup
from optimerge.methods.sparsify import Sparsify

if TYPE_CHECKING:
    from torch import Tensor

SMALL_DIVISOR = 1e-8
"""Without election a sum of weights nearer to 0 than this divides nothing."""


def base_of(group: TensorGroup) -> "Tensor":
    """Return the base tensor of a method that cannot do without."""
    if group.base is None:
        raise MethodError("this merge method needs a base tensor and got none; name a base_model")
    return group.base


def combine(group: TensorGroup, sparsify: Sparsify, *, elect: bool) -> "Tensor":
    """Add the thinned, weighted task vectors to the base, with or without sign election."""
    import torch

    base = base_of(group)
    if not group.inputs:
        return base.clone()
    deltas = torch.stack(
        [sparsify(group, index, tensor - base) for index, tensor in enumerate(group.inputs)]
    )
    weights = torch.tensor(
        [real(numbers, "weight") for numbers in group.numbers],
        dtype=base.dtype,
        device=base.device,
    ).view(-1, *[1] * base.dim())
    deltas *= weights
    mix, divisor = (_elected if elect else _summed)(deltas, weights)
    if flag(group.shared, "normalize"):
        mix = mix / divisor
    factor = real(group.shared, "lambda")
    if factor != 1:
        mix = mix * factor
    return base + mix


def agreement(deltas: "Tensor") -> "Tensor":
    """Return where each stacked task vector has the sign that the sum has; 0 never agrees."""
    positive = deltas.sum(dim=0) >= 0
    return ((deltas > 0) & positive) | ((deltas < 0) & ~positive)


def _elected(deltas: "Tensor", weights: "Tensor") -> tuple["Tensor", "Tensor"]:
    agree = agreement(deltas)
    divisor = (weights * agree).sum(dim=0)
    return (deltas * agree).sum(dim=0), divisor.masked_fill(divisor == 0, 1)


def _summed(deltas: "Tensor", weights: "Tensor") -> tuple["Tensor", "Tensor"]:
    divisor = weights.sum(dim=0)
    return deltas.sum(dim=0), divisor.masked_fill(divisor.abs() < SMALL_DIVISOR, 1)
