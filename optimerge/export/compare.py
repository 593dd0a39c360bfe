"""Compares two models tensor by tensor: how much of one is the other, bit for bit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PART = 1 << 20
"""Entries compared at a time: temporaries stay small."""


@dataclass(frozen=True)
class Distance:
    """How far two models are from each other; every number is over all tensors of both."""

    tensors: int
    equal: int
    """Tensors of which every bit is the same."""
    entries: int
    differing: int
    """Entries that are not the same number; NaN is no number's equal."""
    largest: float
    """The largest difference of two entries."""
    where: str
    """The tensor that it is in; "" if nothing differs."""
    l2: float
    """Square root of the sum of the squared differences."""
    relative: float
    """That in lengths of the first model."""
    only: tuple[str, ...] = ()
    """Tensors that one of the two lacks, or has in another shape; not counted above."""

    @property
    def same(self) -> bool:
        """Whether the two are one model, bit for bit."""
        return self.equal == self.tensors and not self.only

    @property
    def share(self) -> float:
        """Share of the entries that differ, 0 to 1."""
        return self.differing / self.entries if self.entries else 0.0


def compare(
    names: Iterable[str],
    one: "Callable[[str], Tensor | None]",
    other: "Callable[[str], Tensor | None]",
) -> Distance:
    """Compare the tensors of these names, one after the other; None: the model has no such tensor.

    The second model's are brought to the device of the first's.
    """
    import torch

    tensors = equal = entries = differing = 0
    largest, where, squares, length = 0.0, "", 0.0, 0.0
    only = []
    for name in names:
        left, right = one(name), other(name)
        if left is None or right is None or left.shape != right.shape:
            only.append(name)
            continue
        tensors, entries = tensors + 1, entries + left.numel()
        right = right.to(left.device)
        if left.dtype == right.dtype and torch.equal(_bits(left), _bits(right)):
            equal += 1
            length += _squares(left)
            continue
        flat, beside = left.reshape(-1), right.reshape(-1)
        for start in range(0, len(flat), PART):
            a, b = (t[start : start + PART].double() for t in (flat, beside))
            gap = (a - b).abs()
            differing += int(torch.count_nonzero(a != b))
            length += float(a.square().sum())
            squares += float(gap.square().sum())
            most = float(gap.max())
            if not most <= largest:  # NaN too
                largest, where = most, name
    return Distance(
        tensors,
        equal,
        entries,
        differing,
        largest,
        where,
        sqrt(squares),
        sqrt(squares / length) if length else 0.0,
        tuple(only),
    )


def _bits(tensor: "Tensor") -> "Tensor":
    import torch

    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _squares(tensor: "Tensor") -> float:
    flat = tensor.reshape(-1)
    parts = (flat[start : start + PART] for start in range(0, len(flat), PART))
    return sum(float(part.double().square().sum()) for part in parts)
