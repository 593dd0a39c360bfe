"""The compiled back end: the same bytes as the torch reference, at about the speed of memory.

A tensor is cut into parts of PART entries, which several threads take at a time (ctypes frees the
interpreter's lock). Statistics are added up by part, so the number of threads changes nothing.
"""

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

from optimerge.merge.change import Change
from optimerge.merge.kernels.library import LEVELS, PART, available, load
from optimerge.merge.kernels.places import places
from optimerge.merge.kernels.program import (
    BINS,
    STEPS,
    Keep,
    Program,
    Random,
    Ranked,
    Source,
    Whole,
)
from optimerge.merge.kernels.structs import CMeasure, CMerge, CSums, measure_struct, merge_struct
from optimerge.merge.selection.splitmix import PER_WORD

if TYPE_CHECKING:
    from torch import Tensor

SHARES = 4
"""Pieces of work a thread, so that a slow one holds up little."""


class CompiledKernels:
    """The compiled back end; OSError or ImportError where there is none (see `available`)."""

    def __init__(self, threads: int | None = None, level: str | None = None) -> None:
        import torch

        self.threads = threads or torch.get_num_threads()
        there = available()
        if not there.levels:
            raise ImportError(there.reason)
        self.level = level or there.levels[-1]
        if self.level not in there.levels:
            raise ImportError(f"this processor has {', '.join(there.levels)}, not {self.level}")
        self._number = LEVELS.index(self.level)
        self._library = load()
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    @property
    def tables_bytes(self) -> int:
        """Bytes in which magnitudes are counted: a table for each piece of work, and their sum."""
        pieces = self.threads * SHARES if self._pool else 1
        return (pieces + 1) * BINS * 8

    def merge(
        self,
        program: Program,
        base: "Tensor | None",
        sources: Sequence[Source],
        out: "Tensor",
        start: int = 0,
    ) -> Change | None:
        """Write the merge to `out`; see `Kernels.merge`."""
        job = merge_struct(program, base, sources, out, start)
        sums = (CSums * _parts(job))()
        at = ctypes.addressof(sums)
        self._in_parts(self._library.optimerge_merge, job, lambda: at)
        if base is None:
            return None
        return Change(
            parameters=job.size,
            nonzero=sum(part.nonzero for part in sums),
            l1=sum(part.l1 for part in sums),
            squares=sum(part.squares for part in sums),
        )

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return sums of |d| before and after thinning; see `Kernels.norms`."""
        job = measure_struct(keep, base, source, unit, start)
        before, after = self._counts(self._library.optimerge_norms, job, 2).tolist()
        return before, after

    def magnitudes(self, base: "Tensor", source: Source) -> "Tensor":
        """Count magnitudes; see `Kernels.magnitudes`."""
        job = measure_struct(Whole(), base, source, 0, 0)
        return self._counts(self._library.optimerge_magnitudes, job, BINS)

    def shares(
        self, key: int, base: "Tensor", source: Source, unit: int, start: int = 0, step: int = 0
    ) -> "Tensor":
        """Sum magnitudes by the probability that keeps them; see `Kernels.shares`."""
        keep = Ranked(key, 0, step) if step else Random(key, 0)
        job = measure_struct(keep, base, source, unit, start)
        return self._counts(self._library.optimerge_shares, job, STEPS + 1)

    def places(self, delta: "Tensor") -> "Tensor":
        """Return the places of a task vector; see `Kernels.places`."""
        import torch

        if not 1 <= delta.dim() <= 2 or delta.shape[-1] <= 1:
            return places(delta)
        width = delta.shape[-1]
        held = delta.float().contiguous().view(-1, width)
        found = torch.empty(held.shape, dtype=torch.uint8)
        some = max(1, PART // width)

        def rank(first: int) -> None:
            here, to = held[first : first + some], found[first : first + some]
            self._library.optimerge_places(here.data_ptr(), len(here), width, to.data_ptr())

        firsts = range(0, len(held), some)
        list(map(rank, firsts) if self._pool is None else self._pool.map(rank, firsts))
        return found.view(delta.shape)

    def _counts(self, function: Callable[..., None], job: CMeasure, size: int) -> "Tensor":
        """Return the sum of what each piece of work counts."""
        import torch

        counts: list[Tensor] = []

        def table() -> int:
            counts.append(torch.zeros(size, dtype=torch.int64))
            return counts[-1].data_ptr()

        self._in_parts(function, job, table)
        total = torch.zeros(size, dtype=torch.int64)
        for more in counts:
            total += more
        return total

    def _in_parts(
        self,
        function: Callable[..., None],
        job: CMerge | CMeasure,
        into: Callable[[], int],
    ) -> None:
        """Run a kernel on all parts; `into` gives the address for each piece's result."""
        parts = _parts(job)
        at = ctypes.addressof(job)
        if self._pool is None or parts <= 1:
            function(self._number, at, 0, parts, into())
            return
        pieces = min(parts, self.threads * SHARES)
        ends = [parts * n // pieces for n in range(pieces + 1)]
        waiting = [
            self._pool.submit(function, self._number, at, first, last, into())
            for first, last in pairwise(ends)
        ]
        for piece in waiting:
            piece.result()


def _parts(job: CMerge | CMeasure) -> int:
    """Return how many parts there are, the first of which starts with a word of draws."""
    entries: int = job.size + job.start % PER_WORD
    return -(-entries // PART)
