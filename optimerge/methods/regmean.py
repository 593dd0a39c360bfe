"""RegMean: linear layers whose outputs differ least from those of all models' own layers.

For a linear layer W (inputs x outputs) and the inputs X_i that it sees in model i, measured by
`optimerge calibrate`, G_i = X_i' X_i, and G~_i is G_i with its off-diagonals times alpha:

    y = (sum_i w_i G~_i)^-1 sum_i w_i G~_i W_i

which minimises sum_i w_i |X_i y - X_i W_i|^2 for alpha 1. Gram matrices are sums over tokens, as in
the paper: give every model as much calibration text. Solved in float64, as the step from the
weighted mean, with epsilon times the mean of the diagonal added to the diagonal: directions that
no model's text takes stay at the weighted mean, where the formula alone would divide 0 by 0.
Other tensors (embeddings, norms, stacked experts) and those of which a model has no statistic
are the weighted mean, sum_i w_i x_i / sum_i w_i. A base_model, if named, is not averaged in; it
is the result where all weights are 0.
A candidate costs a matrix factorisation a tensor: slow without a GPU.

Jin et al., "Dataless Knowledge Fusion by Merging Weights of Language Models", 2023,
https://arxiv.org/abs/2212.09849
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimerge.errors import MethodError
from optimerge.methods.calibrated import SHARE, Measured, mean, measured
from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor

MOST_RIDGE = 1.0
"""Share of the mean diagonal beyond which a sum of Gram matrices is no such thing."""


def merge(group: TensorGroup) -> "Tensor":
    """Solve for the layer that answers all models' inputs best."""
    import torch

    models = measured(group, "gram")
    first = group.inputs[0]
    if first.dim() != 2 or any(model.statistic is None for model in models):
        work = torch.float64 if first.dtype == torch.float64 else torch.float32
        return mean(models, work).to(first.dtype)
    middle = mean(models, torch.float64)
    axes = {model.statistic.axis % 2 for model in models if model.statistic}
    if len(axes) > 1:
        raise MethodError(
            "regmean: the models hold this layer in two orientations; calibrate them again"
        )
    return (middle + _step(group, models, middle, inputs_first=axes == {0})).to(first.dtype)


def _step(
    group: TensorGroup, models: Sequence[Measured], middle: "Tensor", *, inputs_first: bool
) -> "Tensor":
    """Return what is added to the mean, of its shape."""
    alpha = real(group.shared, "alpha")
    total = middle.new_zeros((middle.shape[0 if inputs_first else 1],) * 2)
    pull = (middle if inputs_first else middle.T).new_zeros(
        (len(total), middle.numel() // len(total))
    )
    for model in models:
        assert model.statistic is not None
        gram = model.statistic.values.to(middle) * model.share
        diagonal = gram.diagonal().clone()
        gram.mul_(alpha).diagonal().copy_(diagonal)
        change = model.tensor.to(middle) - middle
        pull += gram @ (change if inputs_first else change.T)
        total += gram
    step = _solved(total, pull, real(group.shared, "epsilon"))
    return step if inputs_first else step.T


def _solved(total: "Tensor", pull: "Tensor", epsilon: float) -> "Tensor":
    """Return (total + ridge)^-1 pull; total is positive semidefinite but for its rounding."""
    import torch

    typical = total.diagonal().mean()
    if not typical > 0:
        return torch.zeros_like(pull)
    while epsilon <= MOST_RIDGE:
        ridged = total.clone()
        ridged.diagonal().add_(epsilon * typical)
        factor, failed = torch.linalg.cholesky_ex(ridged)
        if not failed:
            return torch.cholesky_solve(pull, factor)
        epsilon *= 10  # float32 sums of many rows may be a little below semidefinite
    raise MethodError("regmean: these statistics are no Gram matrices; calibrate the models again")


METHOD = MergeMethod(
    name="regmean",
    summary="least change of linear layers' outputs; slow; needs `optimerge calibrate`",
    paper="https://arxiv.org/abs/2212.09849",
    formula=(
        r"G_i = X_i^\top X_i \text{ of the inputs } X_i \text{ that the layer sees in model } i,"
        r" \text{ as calibrated}",
        r"\tilde G_i = \alpha\, G_i + (1 - \alpha) \operatorname{diag}(G_i), \quad"
        r" \bar x = \frac{\sum_i w_i x_i}{\sum_i w_i}",
        r"y = \bar x + \left( \sum_i w_i \tilde G_i + \varepsilon\, g\, I \right)^{-1}"
        r" \sum_i w_i \tilde G_i\, (x_i - \bar x), \quad"
        r" g = \operatorname{mean}(\operatorname{diag} \sum_i w_i G_i)",
        r"x_i \text{ with a row for each input of the layer;}"
        r" \quad y = \bar x \text{ for all but linear layers}",
    ),
    use=(
        "experts whose linear layers see different inputs: the merged layer answers all of "
        "them with the least error. `optimerge calibrate` must measure every model first, "
        "and each matrix is solved for: slow without a GPU."
    ),
    base="optional",
    parameters=(
        SHARE,
        Parameter(
            "alpha",
            "factor on the off-diagonals of the Gram matrices",
            default=0.9,
            low=0.0,
            high=1.0,
            usual=(0.1, 1.0),
        ),
        Parameter(
            "epsilon",
            "what is added to the diagonal, as a share of its mean",
            default=1e-5,  # ten times the rounding of Gram matrices in float32
            low=1e-9,
            high=1.0,
        ),
    ),
    kernel=merge,
    locality="tensor",
    mergekit=False,
    statistics=("gram",),
)
