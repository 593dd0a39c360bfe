"""Spherical interpolation between the base (t = 0) and one other model (t = 1).

Over the flattened tensors a (base) and x, with theta the angle between them:

    y = sin((1 - t) theta) / sin(theta) * a + sin(t theta) / sin(theta) * x

and plain (1 - t) a + t x where |cos theta| > 0.9995, which is usual for fine-tunes of one base.
In float32 (float64 for float64 inputs), in mergekit's blocks of 2^20 entries: a norm is the
norm of the blocks' norms. The formula: Shoemake, "Animating rotation with quaternion curves",
SIGGRAPH 1985, https://doi.org/10.1145/325165.325242
"""

from typing import TYPE_CHECKING

from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 1 << 20
NEARLY_PARALLEL = 0.9995
SMALL_NORM = 1e-8


def merge(group: TensorGroup) -> "Tensor":
    """Interpolate on the arc from the base to the input."""
    import torch

    base, other = base_of(group), group.inputs[0]
    work = torch.float64 if base.dtype == torch.float64 else torch.float32
    share = torch.tensor(real(group.shared, "t"), dtype=work, device=base.device)
    left, right = (torch.split(tensor.reshape(-1), BLOCK) for tensor in (base, other))
    left_factor, right_factor = _factors(left, right, share)
    blocks = [
        (left_factor * a.to(work) + right_factor * x.to(work)).to(base.dtype)
        for a, x in zip(left, right, strict=True)
    ]
    return torch.cat(blocks).reshape(base.shape)


def _factors(
    left: tuple["Tensor", ...], right: tuple["Tensor", ...], share: "Tensor"
) -> tuple["Tensor", "Tensor"]:
    """Return what the two tensors, given in blocks, are multiplied by."""
    import torch

    def norm(blocks: tuple["Tensor", ...]) -> "Tensor":
        parts = [torch.linalg.vector_norm(block.to(share.dtype)) for block in blocks]
        whole = torch.linalg.vector_norm(torch.stack(parts))
        return torch.where(whole > SMALL_NORM, whole, 1)

    left_norm, right_norm = norm(left), norm(right)
    products = [
        ((a.to(share.dtype) / left_norm) * (x.to(share.dtype) / right_norm)).sum()
        for a, x in zip(left, right, strict=True)
    ]
    cosine = torch.stack(products).sum().clamp(-1, 1)
    straight = cosine.abs() > NEARLY_PARALLEL
    angle = torch.acos(torch.where(straight, 0, cosine))
    sine = torch.sin(angle)
    return (
        torch.where(straight, 1 - share, torch.sin((1 - share) * angle) / sine),
        torch.where(straight, share, torch.sin(share * angle) / sine),
    )


METHOD = MergeMethod(
    name="slerp",
    summary="spherical interpolation between the base and one model",
    paper="https://doi.org/10.1145/325165.325242",
    formula=(
        r"y = \frac{\sin((1 - t)\,\theta)}{\sin \theta}\, b +"
        r" \frac{\sin(t\,\theta)}{\sin \theta}\, x",
        r"\cos \theta = \frac{\langle b, x \rangle}{\lVert b \rVert \lVert x \rVert}",
        r"y = (1 - t)\, b + t\, x \text{ where } \lvert \cos \theta \rvert > 0.9995",
    ),
    use=(
        "two models and one number, which filters and gradients make many. Fine-tunes of "
        "one base are so nearly parallel that it is their plain average."
    ),
    base="required",
    parameters=(Parameter("t", "0 is the base, 1 is the other model", usual=(0.0, 1.0)),),
    kernel=merge,
    least_inputs=1,
    most_inputs=1,
    locality="tensor",
    known_good=({"t": 0.5}, {"t": 0.3}, {"t": 0.7}),
)
