"""NearSwap: moves entries to the other model the more, the nearer the two models are there.

w = clip(t / max(|b - x|, 1e-6), 0, 1),  y = w x + (1 - w) b

so an entry closer than t is taken over, and one further away moves by about t.

Alchemonaut, 2024, https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001
"""

from typing import TYPE_CHECKING

from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-6


def merge(group: TensorGroup) -> "Tensor":
    """Move near entries to the input."""
    base, other = base_of(group), group.inputs[0]
    distance = (base - other).abs().clamp(min=SMALL)
    share = (real(group.shared, "t") / distance).clamp(min=0, max=1)
    return share * other + (1 - share) * base


METHOD = MergeMethod(
    name="nearswap",
    summary="entries near the base's are taken from the other model",
    paper="https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
    formula=(
        r"w = \min\!\left(1,\ \frac{t}{\max(\lvert x - b \rvert,\ 10^{-6})}\right)",
        r"y = w\, x + (1 - w)\, b",
    ),
    use=(
        "a little of the manner of a second model: no entry moves by more than t. t goes "
        "with the size of the changes, so search it in the logarithm."
    ),
    base="required",
    parameters=(
        Parameter("t", "distance below which an entry is taken over", low=0.0, usual=(0.0, 0.01)),
    ),
    kernel=merge,
    most_inputs=1,
    known_good=({"t": 0.0001},),
)
