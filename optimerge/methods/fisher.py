"""Fisher merging: the average of the models, each entry weighted by what it matters to each model.

With F_i the diagonal of model i's Fisher information, measured by `optimerge calibrate`:

    y = sum_i w_i f_i x_i / sum_i w_i f_i          f_i = max(F_i, epsilon * m), per entry

m is the weighted mean of all F_i over the whole tensor, so that epsilon has no unit and the
number and length of the calibration documents do not matter as long as they are the same for
all models. Entries that no model knows (F_i below the floor in all) are their weighted mean, as
is a tensor of which a model has no statistic. The paper's code has a fixed floor of 1e-6. The
papers' lambda_i are the weights. A base_model, if named, is not
averaged in; it is the result where all weights are 0. Sums in float32
(float64 for float64 inputs), one rounding at the end.

Matena and Raffel, "Merging Models with Fisher-Weighted Averaging", 2022,
https://arxiv.org/abs/2111.09832
"""

from typing import TYPE_CHECKING

from optimerge.methods.calibrated import SHARE, mean, measured
from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor

TINY = 1e-30
"""Mean Fisher information below which float32 holds nothing of it: as good as unknown."""


def merge(group: TensorGroup) -> "Tensor":
    """Average the inputs, each entry by its Fisher information."""
    import torch

    models = measured(group, "fisher")
    first = group.inputs[0]
    work = torch.float64 if first.dtype == torch.float64 else torch.float32
    known = [(m, m.statistic.values) for m in models if m.statistic is not None]
    typical = sum(m.share * float(values.mean(dtype=torch.float64)) for m, values in known)
    if len(known) < len(models) or typical < TINY:
        return mean(models, work).to(first.dtype)
    top = torch.zeros_like(first, dtype=work)
    bottom = torch.zeros_like(top)
    for model, values in known:
        # Over the typical value first: products of tiny numbers would underflow.
        scaled = (values.to(work) / typical).clamp_(min=real(group.shared, "epsilon"))
        factor = scaled.mul_(model.share)
        bottom += factor
        top += factor * model.tensor.to(work)
    return (top / bottom).to(first.dtype)


METHOD = MergeMethod(
    name="fisher",
    summary="average of the models by their Fisher information; needs `optimerge calibrate`",
    paper="https://arxiv.org/abs/2111.09832",
    formula=(
        r"F_i = \text{diagonal Fisher information of model } i \text{, as calibrated}",
        r"f_i = \max(F_i,\ \varepsilon \bar F), \quad"
        r" \bar F = \frac{\sum_i w_i \operatorname{mean}(F_i)}{\sum_i w_i}",
        r"y = \frac{\sum_i w_i f_i x_i}{\sum_i w_i f_i}",
    ),
    use=(
        "an average in which each entry is left to the model that needs it most. `optimerge"
        " calibrate` must measure every model on documents of its own task first; a "
        "candidate itself is quick to build."
    ),
    base="optional",
    parameters=(
        SHARE,
        Parameter(
            "epsilon",
            "floor of an entry's Fisher information, as a share of its mean in the tensor",
            default=1e-6,
            low=1e-12,
            high=1.0,
        ),
    ),
    kernel=merge,
    locality="tensor",
    mergekit=False,
    statistics=("fisher",),
)
