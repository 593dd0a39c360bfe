"""DARE with sign election: randomly thinned task vectors, then TIES without trimming.

Each entry of x_i - b is kept with probability density_i; with rescale (the default) what is
left is scaled to the L1 norm of the whole task vector. Then signs are elected as in `ties`, but
normalize is off by default. Formulas in `task_vectors`.

Yu et al., "Language models are Super Mario", 2023, https://arxiv.org/abs/2311.03099
"""

from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.formulas import ELECTED, MASKED, RANDOM
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.sparsify import random
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Thin at random, elect signs, add what agrees."""
    return combine(group, random, elect=True)


METHOD = MergeMethod(
    name="dare_ties",
    summary="randomly thinned task vectors with sign election",
    paper="https://arxiv.org/abs/2311.03099",
    formula=(*ELECTED, MASKED, RANDOM),
    use=(
        "many experts with small changes that contradict each other. Random, as "
        "`dare_linear` is; normalize is off, so weights that sum to much more than 1 go far"
        " from the base."
    ),
    base="required",
    parameters=parameters.task_arithmetic(normalize=False, rescale=True),
    kernel=merge,
    form=Form("random", elect=True),
    least_inputs=0,
    locality="tensor",
    stochastic=True,
    known_good=({"density": 0.5}, {"density": 0.1}),  # the paper drops up to nine tenths
)
