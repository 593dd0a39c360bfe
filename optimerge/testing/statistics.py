"""Random statistics for the laws of merge methods: what a calibration might have found."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from optimerge.methods.protocol import MergeMethod, Statistic, StatisticKind

Statistics = Mapping[StatisticKind, tuple[Statistic | None, ...]]


def random_statistics(
    method: MergeMethod, inputs: tuple[Tensor, ...], stream: torch.Generator
) -> Statistics:
    """Return what the method declares that it needs, for each input: valid, and all different.

    Gram matrices are those of more rows than columns, and of matrices only.
    """

    def one(kind: StatisticKind, tensor: Tensor) -> Statistic | None:
        if kind == "fisher":
            drawn = torch.randn(tensor.shape, generator=stream)
            return Statistic(drawn.square().to(tensor.device))
        if tensor.dim() != 2:
            return None
        rows = torch.randn(2 * tensor.shape[1], tensor.shape[1], generator=stream)
        return Statistic((rows.T @ rows).to(tensor.device))

    return {kind: tuple(one(kind, tensor) for tensor in inputs) for kind in method.statistics}


def chosen(statistics: Statistics, order: tuple[int, ...]) -> Statistics:
    """Return the statistics of these of the inputs, in this order."""
    return {kind: tuple(found[i] for i in order) for kind, found in statistics.items()}


def unknown(statistics: Statistics, index: int) -> Statistics:
    """Return them as they are if calibration knows nothing of this tensor of one input."""
    return {
        kind: tuple(None if i == index else one for i, one in enumerate(found))
        for kind, found in statistics.items()
    }


def turned(statistics: Statistics) -> Statistics:
    """Return the statistics of the transposed matrices."""

    def one(kind: StatisticKind, found: Statistic | None) -> Statistic | None:
        if found is None:
            return None
        if kind == "gram":
            return replace(found, axis=-1 - found.axis % 2)
        return replace(found, values=found.values.t())

    return {kind: tuple(one(kind, found) for found in each) for kind, each in statistics.items()}


def cut(statistics: Statistics, part: slice, *, flat: bool) -> Statistics:
    """Return the statistics of a part of every tensor: of its entries, or of its rows."""

    def one(kind: StatisticKind, found: Statistic | None) -> Statistic | None:
        if found is None or kind == "gram":
            return found
        values = found.values.reshape(-1) if flat else found.values
        return replace(found, values=values[part])

    return {kind: tuple(one(kind, found) for found in each) for kind, each in statistics.items()}


def tensors_of(statistics: Statistics) -> tuple[Tensor, ...]:
    """Return all tensors in them."""
    return tuple(one.values for each in statistics.values() for one in each if one is not None)
