"""TIES: trim each task vector, elect a sign for each entry, add what agrees with it.

Of each task vector x_i - b the share density_i of largest magnitudes is kept (floor, but at
least one entry unless the density is 0). Signs are elected by the sum of the weighted, trimmed
task vectors; a sum of 0 elects +. With normalize (the default) an entry is divided by the
weights of the models that kept it and agree, so it does not shrink with the density. A negative
weight turns that model's vote around and enters the divisor with its sign. Formulas in
`task_vectors`. mergekit breaks ties at the magnitude threshold by an unstable sort, without a
rule; here the group's `Selection` has one.

Yadav et al., "TIES-Merging", 2023, https://arxiv.org/abs/2306.01708
"""

from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.formulas import ELECTED, LARGEST, MASKED
from optimerge.methods.protocol import Form, MergeMethod, TensorGroup
from optimerge.methods.sparsify import largest
from optimerge.methods.task_vectors import combine

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Trim, elect signs, add what agrees."""
    return combine(group, largest, elect=True)


METHOD = MergeMethod(
    name="ties",
    summary="trimmed task vectors with sign election",
    paper="https://arxiv.org/abs/2306.01708",
    formula=(*ELECTED, MASKED, LARGEST),
    use=(
        "experts whose changes contradict each other in many entries. With normalize the "
        "merge does not shrink as the density falls, so low densities (0.1 to 0.3) are "
        "worth a try."
    ),
    base="required",
    parameters=parameters.task_arithmetic(normalize=True, rescale=False),
    kernel=merge,
    form=Form("largest", elect=True),
    least_inputs=0,
    locality="tensor",
    known_good=({"density": 0.2}, {"density": 0.5}),  # the paper keeps a fifth
)
