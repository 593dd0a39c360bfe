"""RAM+ (tensor-local): RAM with a model's unique changes made larger the more it shares.

As `ram`, but entries that only model i changes are multiplied by

    1 + r * clip(shared_i / max(unique_i, epsilon), 0, alpha)

where shared_i and unique_i count, in this tensor, the active entries of model i that other
models change too, and those they do not. mergekit computes this factor in float32 whatever the
dtype of the inputs, and so do we: the result is float32 then, and rounded once, when written.

"Reinforced Agent Merging", 2026, https://arxiv.org/abs/2601.13572
"""

from typing import TYPE_CHECKING

from optimerge.methods.overlap import EPSILON, active_changes
from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Average shared changes, add unique ones a little larger."""
    base = base_of(group)
    if not group.inputs:
        return base.clone()
    deltas, active, models = active_changes(group)
    unique = models == 1
    factors = _factors(group, active.reshape(len(active), -1), unique.reshape(-1)).view(
        -1, *[1] * base.dim()
    )
    alone = deltas * unique * factors
    together = deltas * ~unique / models.clamp(min=1)
    return base + (alone + together).sum(dim=0)


def _factors(group: TensorGroup, active: "Tensor", unique: "Tensor") -> "Tensor":
    """Return what each model's unique changes are multiplied by."""
    unique_counts = (active & unique).sum(dim=1)
    shared_counts = (active & ~unique).sum(dim=1)
    ratio = shared_counts / unique_counts.clamp(min=real(group.shared, "epsilon"))
    larger = real(group.shared, "r") * ratio.clamp(min=0, max=real(group.shared, "alpha"))
    # Without unique changes there is nothing to enlarge, and with epsilon 0 the ratio is NaN.
    return 1 + larger.masked_fill(unique_counts == 0, 0)


METHOD = MergeMethod(
    name="ramplus_tl",
    summary="ram with unique changes made larger",
    paper="https://arxiv.org/abs/2601.13572",
    formula=(
        r"A_i = 1 \text{ where } \lvert \tau_i \rvert > \varepsilon, \text{ else } 0,"
        r" \quad c = \sum_i A_i, \quad \tau_i = x_i - b",
        r"y = b + \sum_i g_i A_i \tau_i \text{ where } c \le 1, \quad"
        r" y = b + \frac{1}{c} \sum_i A_i \tau_i \text{ where } c > 1",
        r"g_i = 1 + r\, \operatorname{clip}\!\left("
        r"\frac{s_i}{\max(u_i, \varepsilon)},\ 0,\ \alpha\right)",
        r"u_i, s_i = \text{number of entries with } A_i = 1 \text{ and } c = 1,\ c > 1",
    ),
    use=(
        "as `ram`, where averaging the shared entries costs the experts too much: what only"
        " one changed is made up to r alpha larger in return."
    ),
    base="required",
    parameters=(
        Parameter("r", "how much larger, a unit of shared / unique", 0.1, usual=(0.0, 0.5)),
        Parameter("alpha", "most that shared / unique counts for", 0.2, low=0.0, usual=(0.0, 1.0)),
        EPSILON,
    ),
    kernel=merge,
    least_inputs=0,
    locality="tensor",
)
