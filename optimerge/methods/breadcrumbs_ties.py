"""Model Breadcrumbs with the sign election of TIES.

Of n entries of x_i - b the floor(gamma_i n) of largest magnitude are dropped as outliers, then
the smallest until floor(density_i n) are left; if that is impossible, fewer outliers go.
Then signs are elected as in `ties`, but normalize is off by default. Formulas in `task_vectors`.

Davari and Belilovsky, "Model Breadcrumbs", 2023, https://arxiv.org/abs/2312.06795
"""

from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.formulas import BAND, ELECTED, MASKED
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.sparsify import without_outliers
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Drop outliers and small entries, elect signs, add what agrees."""
    return combine(group, without_outliers, elect=True)


METHOD = MergeMethod(
    name="breadcrumbs_ties",
    summary="breadcrumbs with sign election",
    paper="https://arxiv.org/abs/2312.06795",
    formula=(*ELECTED, MASKED, *BAND),
    use=(
        "as `breadcrumbs`, for experts that contradict each other; or as `ties` without the"
        " outliers that win its elections."
    ),
    base="required",
    parameters=(*parameters.task_arithmetic(normalize=False, rescale=False), parameters.GAMMA),
    kernel=merge,
    form=Form("band", elect=True),
    least_inputs=0,
    locality="tensor",
    known_good=({"density": 0.9, "gamma": 0.01},),
)
