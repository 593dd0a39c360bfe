"""RAM: what one model changes is added whole, what several change is averaged over them.

d_i = x_i - b; an entry is active in a model where |d_i| > epsilon; c models are active there:

    y = b + sum_active d_i / max(c, 1)

"Reinforced Agent Merging", 2026, https://arxiv.org/abs/2601.13572
"""

from typing import TYPE_CHECKING

from optimerge.methods.overlap import EPSILON, active_changes
from optimerge.methods.protocol import MergeMethod, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Average each entry over the models that change it."""
    base = base_of(group)
    if not group.inputs:
        return base.clone()
    deltas, _, models = active_changes(group)
    return base + (deltas / models.clamp(min=1)).sum(dim=0)


METHOD = MergeMethod(
    name="ram",
    summary="unique changes added whole, shared ones averaged",
    paper="https://arxiv.org/abs/2601.13572",
    formula=(
        r"A_i = 1 \text{ where } \lvert \tau_i \rvert > \varepsilon, \text{ else } 0,"
        r" \quad \tau_i = x_i - b",
        r"y = b + \frac{\sum_i A_i \tau_i}{\max(1, \sum_i A_i)}",
    ),
    use=(
        "experts that change few entries each (reinforcement learning): what one alone "
        "changed goes in whole. Where all experts change all entries it is their average."
    ),
    base="required",
    parameters=(EPSILON,),
    kernel=merge,
    least_inputs=0,
)
