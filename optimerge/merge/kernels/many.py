"""Many tensors in one call: what a back end may offer so that a candidate is one launch, not 291.

A back end that does has the methods of `ManyKernels`; others are called tensor by tensor. The bytes
are the same either way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from optimerge.merge.change import Change
from optimerge.merge.kernels.program import Keep, Kernels, Program, Source

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Job:
    """One tensor's merge: the arguments of `Kernels.merge`."""

    program: Program
    base: "Tensor | None"
    sources: Sequence[Source]
    out: "Tensor"
    start: int = 0


@dataclass(frozen=True)
class Sum:
    """One task vector's norms: the arguments of `Kernels.norms`."""

    keep: Keep
    base: "Tensor"
    source: Source
    unit: int
    start: int = 0


@runtime_checkable
class ManyKernels(Protocol):
    """A back end that takes all tensors of a candidate at once, in any order and of any sizes.

    The outputs must not overlap. It is fastest where tensors begin at multiples of 16 bytes, as
    they do in arenas that pad every tensor to a multiple of BLOCK; padding is not read or written.
    """

    def merge_many(self, jobs: Iterable[Job]) -> list[Change | None]:
        """Do as `Kernels.merge` for every job; wait for the device once, at the end.

        Jobs that are made one by one are merged while the next ones are made.
        """
        ...

    def norms_many(self, sums: Sequence[Sum]) -> list[tuple[int, int]]:
        """Do as `Kernels.norms` for every sum; wait for the device once, at the end."""
        ...


def norms_many(kernels: Kernels, sums: Sequence[Sum]) -> list[tuple[int, int]]:
    """Sum magnitudes by the back end's own way, or one by one."""
    if isinstance(kernels, ManyKernels):
        return kernels.norms_many(sums)
    return [kernels.norms(s.keep, s.base, s.source, s.unit, s.start) for s in sums]
