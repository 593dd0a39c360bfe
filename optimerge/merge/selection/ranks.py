"""Ranks of magnitudes along dim 1 of a tensor; a tensor with fewer dimensions is one row."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def middle_ranks(magnitude: "Tensor") -> "Tensor":
    """Return float ranks from 1 for the smallest; ties share the middle of their ranks."""
    import torch

    rows = _rows_last(magnitude)
    ordered = rows.sort(dim=-1).values
    below = torch.searchsorted(ordered, rows, side="left")
    upto = torch.searchsorted(ordered, rows, side="right")
    return _rows_back((below + upto + 1).to(torch.float32) / 2, magnitude)


def stable_ranks(magnitude: "Tensor") -> "Tensor":
    """Return integer ranks from 1 for the smallest; of a tie, the lower index ranks lower."""
    order = _rows_last(magnitude).argsort(dim=-1, stable=True)
    return _rows_back(order.argsort(dim=-1) + 1, magnitude)


def _rows_last(tensor: "Tensor") -> "Tensor":
    """Return the tensor with the ranked axis last, contiguous."""
    if tensor.dim() < 2:
        return tensor.reshape(1, -1)
    return tensor.transpose(1, -1).contiguous()


def _rows_back(ranks: "Tensor", like: "Tensor") -> "Tensor":
    if like.dim() < 2:
        return ranks.reshape(like.shape)
    return ranks.transpose(1, -1).contiguous()
