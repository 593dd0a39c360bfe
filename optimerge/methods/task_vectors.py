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

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimerge.errors import MethodError
from optimerge.methods.parameters import flag, real
from optimerge.methods.protocol import TensorGroup
from optimerge.methods.sparsify import Sparsify

if TYPE_CHECKING:
    from torch import Tensor

SMALL_DIVISOR = 1e-8
"""Without election a sum of weights nearer to 0 than this divides nothing."""

PART = 1 << 17
"""Entries merged at a time on a CPU."""


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
    deltas = [
        sparsify(group, index, tensor - base).reshape(-1)
        for index, tensor in enumerate(group.inputs)
    ]
    flat = base.reshape(-1)
    merged = torch.empty_like(flat)
    for part in parts(flat):
        merged[part] = flat[part] + _mixed(group, torch.stack([d[part] for d in deltas]), elect)
    return merged.view(base.shape)


def parts(flat: "Tensor") -> Iterator[slice]:
    """Cut a long tensor on a CPU into parts whose temporaries stay in its cache."""
    size = PART if flat.device.type == "cpu" else max(1, flat.numel())
    for start in range(0, flat.numel(), size):
        yield slice(start, start + size)


def _mixed(group: TensorGroup, deltas: "Tensor", elect: bool) -> "Tensor":
    """Return what is added to the base: deltas (inputs x entries) weighted, elected, summed."""
    import torch

    weights = torch.tensor(
        [real(numbers, "weight") for numbers in group.numbers],
        dtype=deltas.dtype,
        device=deltas.device,
    ).view(-1, 1)
    deltas *= weights
    agree = agreement_as_numbers(deltas) if elect else None
    mix = (deltas if agree is None else deltas * agree).sum(dim=0)
    if flag(group.shared, "normalize"):
        mix = mix / _divisor(weights, agree)
    factor = real(group.shared, "lambda")
    return mix * factor if factor != 1 else mix


def agreement(deltas: "Tensor") -> "Tensor":
    """Return where each stacked task vector has the sign that the sum has; 0 never agrees."""
    return agreement_as_numbers(deltas) > 0


def agreement_as_numbers(deltas: "Tensor") -> "Tensor":
    """Return `agreement` as 0 and 1 in the dtype of `deltas`: torch multiplies those faster."""
    sign = (deltas.sum(dim=0) >= 0).to(deltas.dtype) * 2 - 1
    return (deltas.sign() * sign).clamp_(min=0)


def _divisor(weights: "Tensor", agree: "Tensor | None") -> "Tensor":
    if agree is None:
        total = weights.sum(dim=0)
        return total.masked_fill(total.abs() < SMALL_DIVISOR, 1)
    total = (weights * agree).sum(dim=0)
    return total + (total == 0)
