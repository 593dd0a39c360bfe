"""DELLA without sign election: task vectors thinned at random, favouring large entries of a row.

In each row (dim 1; a vector is one row) the entries of x_i - b are ranked by magnitude, 1 to R;
the entry of rank r is kept with probability density_i - epsilon_i + 2 epsilon_i (r-1)/(R-1).
density +- epsilon must lie strictly between 0 and 1, unless the density is 0 or 1. With rescale
(the default) what is left is scaled to the L1 norm of the whole task vector.
The result is weighted and added, as in `task_vectors`.

Deep, Bhardwaj, Poria, "DELLA-Merging", 2024, https://arxiv.org/abs/2406.11617
"""

from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.formulas import ADDED, BY_RANK, MASKED
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.refusals import each_input
from optimerge.methods.sparsify import by_rank, epsilon_too_wide
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Thin at random by rank, add."""
    return combine(group, by_rank, elect=False)


METHOD = MergeMethod(
    name="della_linear",
    summary="task vectors thinned by rank, added",
    paper="https://arxiv.org/abs/2406.11617",
    formula=(*ADDED, MASKED, *BY_RANK),
    use=(
        "as `dare_linear`, where the large entries of each row should survive. Density and "
        "epsilon limit each other: epsilon must be below density and below 1 - density."
    ),
    base="required",
    parameters=(*parameters.task_arithmetic(normalize=False, rescale=True), parameters.EPSILON),
    kernel=merge,
    form=Form("ranked"),
    least_inputs=0,
    locality="tensor",
    stochastic=True,
    refuse=each_input(epsilon_too_wide),
    known_good=({"density": 0.5}, {"density": 0.3}),
)
