"""The median of the models' changes, entry by entry: y = b + lambda * median_i (x_i - b).

Of an even number of changes it is the mean of the middle two.
"""

from typing import TYPE_CHECKING

from optimerge.methods.parameters import LAMBDA, real
from optimerge.methods.protocol import MergeMethod, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Add lambda times the median change to the base."""
    import torch

    base, count = base_of(group), len(group.inputs)
    changes = torch.stack([x - base for x in group.inputs]).sort(dim=0).values
    middle = (changes[(count - 1) // 2] + changes[count // 2]) / 2
    return base + real(group.shared, "lambda") * middle


METHOD = MergeMethod(
    name="median",
    summary="median of the changes, entry by entry",
    paper="https://arxiv.org/abs/1803.01498",  # of gradients, for the same reason: one liar
    base="required",
    parameters=(LAMBDA,),
    formula=(r"y = b + \lambda\, \operatorname{median}_i (x_i - b)",),
    use="many experts, of which one may have gone astray.",
    kernel=merge,
    mergekit=False,
)
