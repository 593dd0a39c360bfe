"""Copies one model's tensor, times `scale` if there is one.

With slices that take layers from several models this builds a layer-stacked model; which layer
comes from which model is the recipe's matter. mergekit's own method, without a paper.
"""

from typing import TYPE_CHECKING

from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Copy the input."""
    (tensor,), (numbers,) = group.inputs, group.numbers
    if numbers["scale"] is None:
        return tensor.clone()
    return tensor * real(numbers, "scale")


METHOD = MergeMethod(
    name="passthrough",
    summary="one model's tensors, copied",
    paper="https://github.com/arcee-ai/mergekit",
    formula=(r"y = \text{scale} \cdot x",),
    use=(
        "layer maps (frankenmerges): with `slices`, or a `layer_map` in a search space, "
        "layers of several models follow each other. More layers cost more time and memory "
        "at each token."
    ),
    base="ignored",
    parameters=(
        Parameter("scale", "factor on the tensor; none: an exact copy", None, per_input=True),
    ),
    kernel=merge,
    most_inputs=1,
)
