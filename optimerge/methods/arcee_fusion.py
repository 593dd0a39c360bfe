"""Arcee Fusion: takes only the changes that matter most.

importance = |x - b| * KL(softmax(x) || softmax(b)), softmax over the last axis, 1e-8 added to
each probability. With quartiles q1, q2, q3 of the importance in this tensor:

    y = x where importance >= q2 + 1.5 (q3 - q1), else b

mergekit estimates the quartiles of tensors with more than a million entries from a random
sample. In exact mode so do we; otherwise all entries are looked at, so no seed matters.
No paper; https://www.arcee.ai/blog/meet-mergekit-v0-1-arcee-fusion-expanded-model-support-multi-gpu-acceleration
"""

from typing import TYPE_CHECKING

from optimerge.methods.protocol import MergeMethod, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE = 1_000_000
TINY = 1e-8


def merge(group: TensorGroup) -> "Tensor":
    """Take over the important changes."""
    base, other = base_of(group), group.inputs[0]
    change = other - base
    importance = change.abs() * _divergence(other, base)
    flat = importance.reshape(-1)
    if flat.numel() > SAMPLE:
        drawn = group.select.sample(flat.numel(), SAMPLE)
        flat = flat if drawn is None else flat[drawn.to(flat.device)]
    taken = importance >= _threshold(flat)
    # float32 at least, as in mergekit: rounded once, when written.
    return base + change * taken.float()


def _divergence(other: "Tensor", base: "Tensor") -> "Tensor":
    """Return the Kullback-Leibler divergence of each row, with an axis of length 1."""
    p, q = (tensor.softmax(dim=-1) + TINY for tensor in (other, base))
    return (p * (p / q).log()).sum(dim=-1, keepdim=True)


def _threshold(importance: "Tensor") -> "Tensor":
    ordered = importance.sort().values
    lower, middle, upper = (ordered[quarter * (len(ordered) - 1) // 4] for quarter in (1, 2, 3))
    return middle + 1.5 * (upper - lower)


METHOD = MergeMethod(
    name="arcee_fusion",
    summary="the most important changes of one model",
    paper="https://github.com/arcee-ai/mergekit",
    formula=(
        r"I = \lvert x - b \rvert \cdot"
        r" \operatorname{KL}(\operatorname{softmax}(x) \parallel \operatorname{softmax}(b)),"
        r" \quad \text{softmax and KL over the last axis}",
        r"y = x \text{ where } I \ge q_2 + 1.5\, (q_3 - q_1), \text{ else } b",
        r"q_1, q_2, q_3 = \text{quartiles of } I",
    ),
    use=(
        "one expert, to keep the outliers of its changes and little else. It has no numbers"
        " to search."
    ),
    base="required",
    parameters=(),
    kernel=merge,
    most_inputs=1,
    locality="tensor",
)
