"""Model Breadcrumbs: task vectors without their outliers and without their smallest entries.

Of n entries of x_i - b the floor(gamma_i n) of largest magnitude are dropped as outliers, then
the smallest until floor(density_i n) are left; if that is impossible, fewer outliers go.
What is left is weighted and added, as in `task_vectors`.

Davari and Belilovsky, "Model Breadcrumbs", 2023, https://arxiv.org/abs/2312.06795
"""

from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.formulas import ADDED, BAND, MASKED
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.sparsify import without_outliers
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Drop outliers and small entries, add."""
    return combine(group, without_outliers, elect=False)


METHOD = MergeMethod(
    name="breadcrumbs",
    summary="task vectors without largest and smallest entries",
    paper="https://arxiv.org/abs/2312.06795",
    formula=(*ADDED, MASKED, *BAND),
    use=(
        "experts of which a few entries moved very far: those outliers are dropped, with "
        "the smallest. Deterministic, unlike DARE."
    ),
    base="required",
    parameters=(*parameters.task_arithmetic(normalize=False, rescale=False), parameters.GAMMA),
    kernel=merge,
    form=Form("band"),
    least_inputs=0,
    locality="tensor",
    known_good=({"density": 0.9, "gamma": 0.01},),
)
