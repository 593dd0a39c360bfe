"""One launch: the blocks of all tensors of one structure, their table on the device, their sums."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING

from optimerge.merge.kernels.many import Job
from optimerge.merge.kernels.program import BLOCK
from optimerge.merge.kernels.triton_table import Structure, flags, structure, table

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor, device

OPTIONS = {"num_warps": 4, "enable_fp_fusion": False}
"""A thread holds 8 entries of a part; and no fused multiply-adds, or the bytes differ."""
TOGETHER = 64
"""Jobs prepared at a time: the device works on them while the host prepares the next."""


def launches(jobs: Iterable[Job], on: "device") -> "Iterator[tuple[Launch, list[int]]]":
    """Yield launches and which jobs they are of, in order of the jobs where that may be."""
    left, first = iter(jobs), 0
    while some := list(islice(left, TOGETHER)):
        groups: dict[Structure, list[int]] = {}
        for place, job in enumerate(some):
            groups.setdefault(structure(job), []).append(place)
        for shape, places in groups.items():
            yield Launch(shape, [some[place] for place in places], on), [first + p for p in places]
        first += len(some)


class Launch:
    """The jobs of one structure. Nothing here waits for the device."""

    def __init__(self, shape: Structure, jobs: Sequence[Job], on: "device") -> None:
        import numpy as np
        import torch

        self.jobs = jobs
        self._shape = shape
        self._device = on
        self._flags = flags(jobs)
        sizes = np.array([job.out.numel() for job in jobs], dtype=np.int64)
        blocks = -(-sizes // BLOCK)
        ends = np.concatenate([[0], np.cumsum(blocks)])
        self._count = int(ends[-1])
        rows = table(jobs, ends[:-1])
        sent = _sent(np.concatenate([rows.ravel(), blocks, ends]), on)
        self._table = sent[: rows.size]
        self._ends = sent[rows.size + len(jobs) :].to(torch.int32)
        self._owners = torch.repeat_interleave(
            torch.arange(len(jobs), dtype=torch.int32, device=on),
            sent[rows.size : rows.size + len(jobs)],
            output_size=self._count,
        )

    def merge(self) -> "Tensor":
        """Merge; return each job's non-zeros, L1 and squares in a row (float64, on the device)."""
        import torch

        from optimerge.merge.kernels import triton_merge

        found = torch.zeros((len(self.jobs), 3), dtype=torch.float64, device=self._device)
        if not self._count:
            return found
        shape = self._shape
        blocks = self._count if shape.statistics else 1
        counts = torch.empty(blocks, dtype=torch.int32, device=self._device)
        sums = torch.empty((blocks, 2), dtype=torch.float32, device=self._device)
        with _on(self._device):
            triton_merge.merge[(self._count,)](
                self._table,
                self._owners,
                counts,
                sums,
                **merge_constants(shape),
                **self._flags,
                **OPTIONS,
            )
            if shape.statistics:
                triton_merge.totals[(len(found),)](self._ends, counts, sums, found, **OPTIONS)
        return found

    def norms(self) -> "Tensor":
        """Return each job's units before and after thinning in a row (int64, on the device)."""
        import torch

        from optimerge.merge.kernels import triton_norms

        found = torch.zeros((len(self.jobs), 2), dtype=torch.int64, device=self._device)
        if not self._count:
            return found
        shape = self._shape
        sums = torch.empty((self._count, 2), dtype=torch.int64, device=self._device)
        with _on(self._device):
            triton_norms.norms[(self._count,)](
                self._table,
                self._owners,
                sums,
                KIND=shape.kinds[0],
                KEEP=shape.keeps[0],
                BASE_KIND=shape.base,
                LONG=shape.long,
                FAST=shape.fast,
                EVEN=shape.even,
                DRAWN=self._flags["DRAWN"],
                CEILED=self._flags["CEILED"],
                **OPTIONS,
            )
        return found.index_add_(0, self._owners, sums)  # whole numbers: in any order the same


def merge_constants(shape: Structure) -> dict[str, object]:
    """Return what a structure fixes at compile time."""
    return {
        "KINDS": shape.kinds,
        "KEEPS": shape.keeps,
        "BASE_KIND": shape.base,
        "OUT_KIND": shape.out,
        "LINEAR": shape.linear,
        "ELECT": shape.elect,
        "NORMALIZE": shape.normalize,
        "STATISTICS": shape.statistics,
        "LONG": shape.long,
        "FAST": shape.fast,
        "EVEN": shape.even,
    }


def _sent(numbers: "ndarray", on: "device") -> "Tensor":
    """Return int64 numbers on the device, from pinned memory: the copy waits for nothing."""
    import torch

    if on.type == "cpu":
        return torch.from_numpy(numbers)
    held = torch.empty(len(numbers), dtype=torch.int64, pin_memory=True)
    held.numpy()[:] = numbers
    return held.to(on, non_blocking=True)


def _on(device: "device") -> AbstractContextManager[object]:
    import torch

    return nullcontext() if device.type == "cpu" else torch.cuda.device(device)
