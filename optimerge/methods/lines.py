"""LiNeS: task arithmetic whose scale grows linearly with depth.

    y = b + (alpha + beta * depth) * sum_i w_i (x_i - b)

depth runs from 0 at the first layer to 1 at the last one of the merged model; tensors outside
the layers (embeddings, final norm, head) have depth 0, so their scale is alpha. With the
defaults it is task arithmetic. The paper merges K models with w_i = 1, alpha = 1/K and a tuned
beta; for one model it has beta = 1 - alpha. A model of one layer has depth 1, as in mergekit's
gradients. Where alpha and beta are plain numbers and the recipe has one slice, it is
`task_arithmetic` with `lambda: [alpha, alpha + beta]`, and is exported as that.

Wang et al., "LiNeS: Post-training Layer Scaling Prevents Forgetting and Enhances Model Merging",
2024, https://arxiv.org/abs/2410.17146
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from optimerge.methods.parameters import WEIGHT, real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.sparsify import whole
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Add the weighted task vectors to the base, more of them in deeper layers."""
    alpha, beta, depth = real(group.shared, "alpha"), real(group.shared, "beta"), group.depth
    # Rounded as a gradient from alpha to alpha + beta is, so that both give the same bits.
    scale = (1 - depth) * alpha + depth * (alpha + beta)
    shared = {"normalize": False, "lambda": scale}
    return combine(replace(group, shared=shared), whole, elect=False)


METHOD = MergeMethod(
    name="lines",
    summary="task arithmetic with a scale that grows with depth",
    paper="https://arxiv.org/abs/2410.17146",
    formula=(
        r"y = b + (\alpha + \beta\, \ell) \sum_i w_i\, \tau_i, \quad \tau_i = x_i - b",
        r"\ell = \text{depth of the layer, 0 at the first, 1 at the last; 0 outside the layers}",
    ),
    use=(
        "experts that forget: shallow layers hold what all tasks share, so they are changed"
        " less than deep ones. Two numbers where `layer_groups` needs one a group."
    ),
    base="required",
    parameters=(
        WEIGHT,
        Parameter(
            "alpha", "scale in the first layer and outside the layers", 1.0, usual=(0.0, 1.0)
        ),
        Parameter("beta", "what the scale gains from first to last layer", 0.0, usual=(0.0, 1.0)),
    ),
    kernel=merge,
    least_inputs=0,
    mergekit=False,
)
