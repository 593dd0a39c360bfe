"""The Triton back end: a candidate's tensors in few launches, and one wait for their sums."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from optimerge.merge.change import Change
from optimerge.merge.kernels.many import Job, Sum
from optimerge.merge.kernels.program import Keep, Program, Source, Term
from optimerge.merge.kernels.reference import TorchKernels
from optimerge.merge.kernels.triton_launch import launches

if TYPE_CHECKING:
    from torch import Tensor, device


class TritonKernels:
    """`ManyKernels` on a CUDA device, or in Triton's interpreter on a CPU; for one thread.

    ImportError where triton is not installed. Without a GPU, TRITON_INTERPRET=1 must have been
    set before anything imported triton (transformers' models do).
    """

    def __init__(self, on: "device | str" = "cuda") -> None:
        import torch
        import triton  # noqa: F401  (ImportError here, not in the middle of a merge)

        self.device = torch.device(on)
        self._reference = TorchKernels(on)

    def merge(
        self,
        program: Program,
        base: "Tensor | None",
        sources: Sequence[Source],
        out: "Tensor",
        start: int = 0,
    ) -> Change | None:
        """Write the merge to `out`; see `Kernels.merge`."""
        return self.merge_many([Job(program, base, sources, out, start)])[0]

    def merge_many(self, jobs: Iterable[Job]) -> list[Change | None]:
        """Merge every job; see `ManyKernels.merge_many`."""
        done: list[tuple[int, Job]] = []
        sums: list[Tensor] = []
        for launch, places in launches(jobs, self.device):
            done += zip(places, launch.jobs, strict=True)
            sums.append(launch.merge())
        changes: list[Change | None] = [None] * len(done)
        if any(job.base is not None for _, job in done):
            for (i, job), (nonzero, l1, squares) in zip(done, _rows(sums), strict=True):
                if job.base is not None:
                    changes[i] = Change(job.out.numel(), int(nonzero), l1, squares)
        return changes

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return sums of |d| before and after thinning; see `Kernels.norms`."""
        return self.norms_many([Sum(keep, base, source, unit, start)])[0]

    def norms_many(self, sums: Sequence[Sum]) -> list[tuple[int, int]]:
        """Sum magnitudes; see `ManyKernels.norms_many`."""
        order: list[int] = []
        found: list[Tensor] = []
        for launch, places in launches(map(_as_job, sums), self.device):
            order += places
            found.append(launch.norms())
        pairs = dict(zip(order, _rows(found), strict=True))
        return [(pairs[i][0], pairs[i][1]) for i in range(len(order))]

    def magnitudes(self, base: "Tensor", source: Source) -> "Tensor":
        """Count magnitudes; see `Kernels.magnitudes`. Made once, so by the reference."""
        return self._reference.magnitudes(base, source)

    def shares(
        self, key: int, base: "Tensor", source: Source, unit: int, start: int = 0, step: int = 0
    ) -> "Tensor":
        """Sum magnitudes; see `Kernels.shares`. Made once, so by the reference."""
        return self._reference.shares(key, base, source, unit, start, step)

    def places(self, delta: "Tensor") -> "Tensor":
        """Return places; see `Kernels.places`. Made once, so by the reference."""
        return self._reference.places(delta)


def _rows(found: "Sequence[Tensor]") -> list[list[Any]]:
    """Return the rows of tables on the device, waiting for it once."""
    import torch

    rows: list[list[Any]] = torch.cat(list(found)).tolist() if found else []
    return rows


def _as_job(one: Sum) -> Job:
    """Return a sum as a job of one term, whose weight is the unit; nothing is written."""
    program = Program((Term(2.0**one.unit, one.keep),))
    return Job(program, one.base, [one.source], one.base, one.start)
