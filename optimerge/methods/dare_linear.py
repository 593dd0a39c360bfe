"""DARE: task arithmetic on randomly thinned task vectors.

Each entry of x_i - b is kept with probability density_i. With rescale (the default) what is
left is scaled to the L1 norm of the whole task vector: mergekit's rule, where the paper divides
by the density. Formulas in `task_vectors`.

Yu et al., "Language models are Super Mario", 2023, https://arxiv.org/abs/2311.03099
"""

from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.formulas import ADDED, MASKED, RANDOM
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.sparsify import random
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Thin at random, add."""
    return combine(group, random, elect=False)


METHOD = MergeMethod(
    name="dare_linear",
    summary="randomly thinned task vectors, added",
    paper="https://arxiv.org/abs/2311.03099",
    formula=(*ADDED, MASKED, RANDOM),
    use=(
        "experts with small changes (instruction tuning), of which most entries can go. The"
        " random masks make equal recipes score differently under other seeds: `optimerge "
        "test` says by how much."
    ),
    base="required",
    parameters=parameters.task_arithmetic(normalize=False, rescale=True),
    kernel=merge,
    form=Form("random"),
    least_inputs=0,
    locality="tensor",
    stochastic=True,
    known_good=({"density": 0.5}, {"density": 0.1}),  # the paper drops up to nine tenths
)
