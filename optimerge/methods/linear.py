"""Weighted average of models (model soup): y = sum_i w_i x_i, over sum_i w_i if normalize.

A base model, if named, is one more input with a weight of its own. Sums are taken in float32
(float64 for float64 inputs) in the order of the inputs, then one division and one rounding,
as in mergekit. mergekit writes infinities where the weights sum to 0; here it is an error.

Wortsman et al., "Model soups", 2022, https://arxiv.org/abs/2203.05482
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from optimerge.errors import MethodError
from optimerge.methods.parameters import NORMALIZE, WEIGHT, flag, real
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.refusals import zero_sum

if TYPE_CHECKING:
    from torch import Tensor

REFUSE = zero_sum("normalize")


def merge(group: TensorGroup) -> "Tensor":
    """Average the inputs by their weights."""
    import torch

    if problem := REFUSE(group.numbers, group.shared):
        raise MethodError(f"linear: {problem}")
    first = group.inputs[0]
    work = torch.float64 if first.dtype == torch.float64 else torch.float32
    weights = torch.tensor([real(numbers, "weight") for numbers in group.numbers], dtype=work)
    total = weights.sum()
    result = torch.zeros_like(first, dtype=work)
    for tensor, weight in zip(group.inputs, weights.to(first.device), strict=True):
        result.addcmul_(tensor.to(work), weight)
    if flag(group.shared, "normalize"):
        result.div_(total.to(first.device))
    return result.to(first.dtype)


METHOD = MergeMethod(
    name="linear",
    summary="weighted average of the models (equal weights: a uniform soup)",
    paper="https://arxiv.org/abs/2203.05482",
    formula=(
        r"y = \frac{1}{N} \sum_i w_i x_i",
        r"N = \sum_i w_i \text{ with normalize, else } 1",
    ),
    use=(
        "the plain baseline of every search, and for fine-tunes of one base that learned "
        "alike (a model soup). Experts of different tasks dilute each other: each goes in "
        "with its share only."
    ),
    base="ignored",
    parameters=(WEIGHT, replace(NORMALIZE, default=True)),
    kernel=merge,
    form=Form(linear=True),
    refuse=REFUSE,
)
