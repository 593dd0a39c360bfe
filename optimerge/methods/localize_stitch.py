"""Localize-and-Stitch, dataless: each model's largest changes, averaged where they overlap.

With d_i = x_i - b and m_i the mask of its entries of largest magnitude:

    y = b + lambda * sum_i w_i m_i d_i / sum_j m_j        (b where no mask is set)

The paper has w_i = lambda = 1. It takes the largest 1 to 10 % over the whole model; here it is
the share density_i of each tensor (floor, but at least one entry unless the density is 0), so
every tensor keeps its share, while the paper's model keeps more in some tensors and nothing in
others. The paper's other masks, learnt on data, are not here. A model of weight 0 has no mask.

He et al., "Localize-and-Stitch", 2024, https://arxiv.org/abs/2408.13656
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from optimerge.methods.changes import PAPERS, Changes, adding
from optimerge.methods.formulas import TASK_VECTOR
from optimerge.methods.parameters import DENSITY, real
from optimerge.methods.protocol import MergeMethod, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor


def stitch(group: TensorGroup, changes: Changes) -> "Tensor":
    """Average the models' localized changes over the models that have the entry."""
    mix = changes.plain[0].new_zeros(changes.plain[0].shape)
    count = mix.clone()
    for index, change, weight in zip(changes.indices, changes.plain, changes.weights, strict=True):
        density = real(group.numbers[index], "density")
        keep = max(1, int(density * change.numel())) if density > 0 else 0
        mask = group.select.largest(index, change, keep)
        mix += weight * change * mask
        count += mask
    return mix / count.clamp(min=1)


METHOD = MergeMethod(
    name="localize_stitch",
    summary="each model's largest changes (per tensor), averaged where they overlap",
    paper="https://arxiv.org/abs/2408.13656",
    formula=(
        r"m_i = 1 \text{ at the } \max(1, \lfloor \rho_i n \rfloor) \text{ largest of }"
        r" \lvert \tau_i \rvert \text{, nowhere if } \rho_i = 0, \text{ else } 0",
        TASK_VECTOR,
        r"y = b + \lambda\, \frac{\sum_i w_i m_i \tau_i}{\max(1, \sum_i m_i)}",
    ),
    use=(
        "sparse merges: few entries of each expert (1 to 20 %), which seldom meet. For a "
        "front of score against the share of changed parameters."
    ),
    base="required",
    parameters=(*PAPERS, replace(DENSITY, default=0.05, usual=(0.01, 0.2))),
    kernel=adding(stitch),
    locality="tensor",
    mergekit=False,
)
