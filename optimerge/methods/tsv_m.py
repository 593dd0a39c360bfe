"""TSV-Merge: the strongest singular vectors of each model, made orthogonal to the others'.

With D_i = w_i (x_i - b) = U_i diag(s_i) V_i' of K models (`changes`; the paper has w_i = 1), for
a matrix of r = min(m, n), the k = floor(r / K) largest singular values of each are kept and put
side by side, U = [U_1 .. U_K] and so on; P Q' is the polar factor U of U = P S Q':

    y = b + lambda * polar(U) diag(s) polar(V)'

For tensors that are no matrix (norms, biases, stacked experts), and for matrices with fewer than
K rows or columns: y = b + lambda * sum_i D_i / K. lambda is the paper's alpha (1 there).
Directions of strength 0 are left out (`spectrum`). A singular value decomposition of each
matrix of each model: a candidate takes far longer to build than with other methods.

Gargiulo et al., "Task Singular Vectors", 2024, https://arxiv.org/abs/2412.00081
"""

from typing import TYPE_CHECKING

from optimerge.methods.changes import PAPERS, Changes, adding
from optimerge.methods.protocol import MergeMethod, TensorGroup
from optimerge.methods.spectrum import polar, singular

if TYPE_CHECKING:
    from torch import Tensor


def join(group: TensorGroup, changes: Changes) -> "Tensor":
    """Keep each model's strongest directions and take their overlap away."""
    import torch

    kept = min(changes.plain.shape[1:], default=0) // len(changes)
    if changes.plain.dim() != 3 or kept == 0:
        return changes.weighted.sum(dim=0) / len(changes)
    parts = [
        singular(change.double() * weight.double())
        for change, weight in zip(changes.plain, changes.weights, strict=True)
    ]
    u = torch.cat([u[:, :kept] for u, _, _ in parts], dim=1)
    s = torch.cat([s[:kept] for _, s, _ in parts])
    v = torch.cat([v[:kept] for _, _, v in parts])
    if not len(s):
        return torch.zeros_like(changes.plain[0])
    return ((polar(u) * s) @ polar(v)).to(changes.plain.dtype)


METHOD = MergeMethod(
    name="tsv_m",
    summary="strongest singular vectors of each model, made orthogonal; slow",
    paper="https://arxiv.org/abs/2412.00081",
    formula=(
        r"w_i\, \tau_i = U_i \operatorname{diag}(\sigma_i)\, V_i^\top, \quad \tau_i = x_i - b",
        r"U = [U_1 \ldots U_K],\ \sigma = [\sigma_1 \ldots \sigma_K],\ V = [V_1 \ldots V_K]",
        r"\text{of the } \lfloor \min(\text{rows, columns}) / K \rfloor"
        r" \text{ strongest directions of each model}",
        r"y = b + \lambda\, \operatorname{polar}(U) \operatorname{diag}(\sigma)"
        r" \operatorname{polar}(V)^\top \text{ for matrices},"
        r" \quad \operatorname{polar}(P S Q^\top) = P Q^\top",
        r"y = b + \frac{\lambda}{K} \sum_i w_i\, \tau_i \text{ for all other tensors}",
    ),
    use=(
        "many experts that disturb each other: their strongest directions are made "
        "orthogonal. A singular value decomposition of every matrix of every expert makes "
        "it the slowest to build: for few candidates, or a GPU."
    ),
    base="required",
    parameters=PAPERS,
    kernel=adding(join),
    locality="tensor",
    mergekit=False,
)
