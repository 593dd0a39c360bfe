"""Adds weighted task vectors to the base: y = b + lambda * sum_i w_i (x_i - b).

With normalize, the sum is divided by the sum of the weights. As in mergekit, density and
rescale are accepted and change nothing.

Ilharco et al., "Editing models with task arithmetic", 2022, https://arxiv.org/abs/2212.04089
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.sparsify import whole
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Add the weighted task vectors to the base."""
    return combine(group, whole, elect=False)


METHOD = MergeMethod(
    name="task_arithmetic",
    summary="base plus weighted task vectors",
    paper="https://arxiv.org/abs/2212.04089",
    formula=(
        r"y = b + \frac{\lambda}{N} \sum_i w_i\, \tau_i, \quad \tau_i = x_i - b",
        r"N = \sum_i w_i \text{ with normalize (1 where that is 0), else } 1",
    ),
    use=(
        "first, and beside every other method: few numbers, no randomness, and on language "
        "models often as good as methods that are made to resolve conflicts. A negative "
        "weight takes away what a model learned."
    ),
    base="required",
    parameters=tuple(
        replace(p, usual=None) if p.name == "density" else p
        for p in parameters.task_arithmetic(normalize=False, rescale=False)
    ),
    kernel=merge,
    form=Form(),
    least_inputs=0,
    known_good=({"weight": 0.4},),  # what the paper of TIES takes where nothing can be tuned
)
