"""Iso-C: the sum of the changes, with all its singular values made equal to their mean.

With D_i = w_i (x_i - b) of K models (`changes`; the paper has w_i = 1), for a matrix:

    sum_i D_i = U diag(s) V'           y = b + lambda * mean(s) * U V'

and for tensors that are no matrix (norms, biases, stacked experts): y = b + lambda * sum_i D_i / K.
lambda is the paper's alpha, tuned there; it goes with the number of models. Singular values that
are 0 stay 0 and do not count in the mean (`spectrum`). A singular value decomposition of each
matrix: a candidate takes far longer to build than with other methods.

Marczak et al., "No Task Left Behind", 2025, https://arxiv.org/abs/2502.04959
"""

from typing import TYPE_CHECKING

from optimerge.methods.changes import PAPERS, Changes, adding
from optimerge.methods.protocol import MergeMethod, TensorGroup
from optimerge.methods.spectrum import singular

if TYPE_CHECKING:
    from torch import Tensor


def flatten_spectrum(group: TensorGroup, changes: Changes) -> "Tensor":
    """Sum the changes and give all directions of the sum the same strength."""
    if changes.plain.dim() != 3:
        return changes.weighted.sum(dim=0) / len(changes)
    u, s, v = singular((changes.plain.double() * changes.weights.double()).sum(dim=0))
    return (s.sum() / max(1, len(s)) * (u @ v)).to(changes.plain.dtype)


METHOD = MergeMethod(
    name="iso_c",
    summary="sum of the changes with equal singular values; slow",
    paper="https://arxiv.org/abs/2502.04959",
    formula=(
        r"\sum_i w_i\, \tau_i = U \operatorname{diag}(\sigma)\, V^\top, \quad \tau_i = x_i - b",
        r"y = b + \lambda\, \operatorname{mean}(\sigma)\, U V^\top \text{ for matrices}",
        r"y = b + \frac{\lambda}{K} \sum_i w_i\, \tau_i \text{ for all other tensors}",
    ),
    use=(
        "many experts whose sum is ruled by a few directions. A singular value "
        "decomposition of every matrix makes a candidate slow to build: for few candidates,"
        " or a GPU."
    ),
    base="required",
    parameters=PAPERS,
    kernel=adding(flatten_spectrum),
    locality="tensor",
    mergekit=False,
)
