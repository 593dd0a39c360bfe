"""What Fisher and RegMean share: models with weights >= 0, their statistics, the mean to fall to.

A model of weight 0 is left out altogether, so that its statistics count for nothing; where all
weights are 0 the result is the base. Where a model that takes part has no statistic of a tensor,
the merge of that tensor is the weighted mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import TYPE_CHECKING

from optimerge.errors import MethodError
from optimerge.methods.parameters import WEIGHT, real
from optimerge.methods.protocol import Statistic, StatisticKind, TensorGroup

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SHARE = replace(WEIGHT, default=1.0, low=0.0, help="how much this model counts; 0 leaves it out")


@dataclass(frozen=True)
class Measured:
    """One model that takes part in the merge of a tensor."""

    tensor: "Tensor"
    share: float
    """Its weight over the sum of the weights."""
    statistic: Statistic | None


def measured(group: TensorGroup, kind: StatisticKind) -> list[Measured]:
    """Return the models with a weight; the base alone if none has, MethodError without one."""
    statistics = group.statistics.get(kind) or (None,) * len(group.inputs)
    weights = [real(numbers, "weight") for numbers in group.numbers]
    total = fsum(weights)
    if not total:
        if group.base is None:
            raise MethodError(
                "all weights are 0, so there is nothing to average; raise a weight, or name the "
                "base_model to fall back to"
            )
        return [Measured(group.base, 1.0, None)]
    return [
        Measured(tensor, weight / total, statistic)
        for tensor, weight, statistic in zip(group.inputs, weights, statistics, strict=True)
        if weight
    ]


def mean(models: Sequence[Measured], work: "torch.dtype") -> "Tensor":
    """Return the weighted mean, in the dtype of the sums."""
    import torch

    result = torch.zeros_like(models[0].tensor, dtype=work)
    for model in models:
        result.add_(model.tensor.to(work), alpha=model.share)
    return result
