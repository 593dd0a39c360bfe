"""Singular vectors, in float64 and without the directions that no computer agrees on.

In float64 because the polar factor of an ill-conditioned matrix loses most of float32's digits,
and a recipe must build to the same weights on another device. Singular vectors of the value 0
are whatever the library at hand returns, so they are left out; the papers' code keeps them,
which matters only for matrices without full rank (models that are equal, rows that are 0).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def singular(matrix: "Tensor") -> "tuple[Tensor, Tensor, Tensor]":
    """Return U (m, r), s (r) descending and V' (r, n) of a float64 matrix (m, n) of rank r."""
    import torch

    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    rank = int((s > s.amax() * max(matrix.shape) * torch.finfo(s.dtype).eps).sum())
    return u[:, :rank], s[:rank], v[:rank]


def polar(matrix: "Tensor") -> "Tensor":
    """Return the nearest matrix whose singular values are all 1 (or stay 0); float64."""
    u, _, v = singular(matrix)
    return u @ v
