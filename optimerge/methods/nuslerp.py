"""Spherical interpolation between two models, by weights, with or without a base.

t = w_2 / (w_1 + w_2), or 1/2 where |w_1 + w_2| < 1e-6. With a base the two task vectors are
interpolated and added to it. `nuslerp_flatten` takes one angle for the tensor; without it there
is one for each row (the last axis), or for each column with `nuslerp_row_wise` (mergekit's name
for the first axis). With a_u = a / max(|a|, 1e-7), cos theta = <a_u, b_u>:

    y = (sin((1 - t) theta) a + sin(t theta) b) / sin(theta)

and (1 - t) a + t b only where 1 - cos^2 theta <= 1e-16: unlike `slerp`, near-parallel tensors
are not taken for parallel. In the dtype of the inputs. mergekit's own method, without a paper.
"""

from typing import TYPE_CHECKING

from optimerge.methods.parameters import WEIGHT, flag, real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor

SMALL_NORM = 1e-7
SMALL_SINE = 1e-8
SMALL_SUM = 1e-6


def merge(group: TensorGroup) -> "Tensor":
    """Interpolate between the two inputs, or between their task vectors."""
    first, second = (real(numbers, "weight") for numbers in group.numbers)
    total = first + second
    share = 0.5 if abs(total) < SMALL_SUM else second / total
    base = group.base
    left, right = (x if base is None else x - base for x in group.inputs)
    if flag(group.shared, "nuslerp_flatten"):
        mixed = arc(left.reshape(-1), right.reshape(-1), share).reshape(left.shape)
    elif flag(group.shared, "nuslerp_row_wise"):
        mixed = arc(left.transpose(0, -1), right.transpose(0, -1), share).transpose(0, -1)
    else:
        mixed = arc(left, right, share)
    return mixed if base is None else base + mixed


def arc(left: "Tensor", right: "Tensor", share: float) -> "Tensor":
    """Interpolate along the last axis."""
    import torch

    def unit(x: "Tensor") -> "Tensor":
        length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return x / length.clamp(min=SMALL_NORM)

    cosine = (unit(left) * unit(right)).sum(dim=-1, keepdim=True).clamp(-1, 1)
    parallel = 1 - cosine.square() <= SMALL_SINE**2
    angle = torch.acos(cosine.masked_fill(parallel, 0))
    bent = torch.sin((1 - share) * angle) * left + torch.sin(share * angle) * right
    straight = (1 - share) * left + share * right
    return torch.where(parallel, straight, bent / torch.sin(angle))


METHOD = MergeMethod(
    name="nuslerp",
    summary="spherical interpolation between two models or task vectors",
    paper="https://github.com/arcee-ai/mergekit",
    formula=(
        r"y = b + \frac{\sin((1 - t)\,\theta)}{\sin \theta}\, \tau_1"
        r" + \frac{\sin(t\,\theta)}{\sin \theta}\, \tau_2,"
        r" \quad t = \frac{w_2}{w_1 + w_2}",
        r"\cos \theta = \frac{\langle \tau_1, \tau_2 \rangle}{\lVert \tau_1 \rVert"
        r" \lVert \tau_2 \rVert},"
        r" \quad \tau_i = x_i - b, \quad b = 0 \text{ without a base}",
    ),
    use=(
        "two experts of one base: it turns from one task vector to the other, where `slerp`"
        " turns from base to expert. The length of the change is kept better than by an "
        "average."
    ),
    base="optional",
    parameters=(
        WEIGHT,
        Parameter("nuslerp_flatten", "one angle for the whole tensor", True, kind="boolean"),
        Parameter(
            "nuslerp_row_wise",
            "without flatten: angles along the first axis instead of the last",
            False,
            kind="boolean",
        ),
    ),
    kernel=merge,
    least_inputs=2,
    most_inputs=2,
    locality="tensor",
)
