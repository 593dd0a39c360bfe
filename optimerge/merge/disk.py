"""Base and experts that stay on disk: each candidate reads what it merges, tensor by tensor."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.read import TensorReader
from optimerge.errors import CheckpointError
from optimerge.merge.readahead import ReadAhead, Times
from optimerge.merge.ring import RingToStream
from optimerge.merge.steps import (
    Key,
    all_steps,
    laid_out,
    place_of,
    ring_bytes,
    sources_of,
    step_bytes,
)
from optimerge.merge.weights import Weights, load_factors, refuse_nan

if TYPE_CHECKING:
    from torch import Tensor

Stamp = tuple[int, int]
"""Size and time of the last change of a file."""


class DiskWeights:
    """Tensors of several models in main memory, a few at a time. Not for two streams at once.

    Args:
        checkpoints: The models.
        device: Where factors of adapters are kept.
        pinned: Whether what is read is page-locked, to be copied to a device.
    """

    def __init__(
        self, checkpoints: Sequence[Checkpoint], device: str = "cpu", *, pinned: bool = False
    ) -> None:
        self.times = Times()
        self.prefetch = True
        self._checkpoints = {c.reference: c for c in checkpoints}
        self._infos: dict[Key, TensorInfo] = {
            (c.reference, name): info for c in checkpoints for name, info in sources_of(c).items()
        }
        self._small = load_factors(checkpoints, device)
        size = ring_bytes({n: self._bytes(keys) for n, keys in all_steps(checkpoints).items()})
        self._ring = RingToStream(size, "cpu", pinned=pinned)
        self._unchecked = set(self._infos)
        self._stamps = {file: _stamp(file) for file in {i.file for i in self._infos.values()}}

    @property
    def bytes(self) -> int:
        """Bytes of memory held."""
        return self._small.bytes + self._ring.bytes

    def stream(self, steps: Sequence[Sequence[Key]]) -> Generator[Weights]:
        """Yield the tensors of each step; they are gone when the next is asked for.

        CheckpointError if a file cannot be read, or is not what it was when it was opened, or if
        a tensor that is read for the first time holds NaN or infinities.
        """
        infos = [{key: self._infos[key] for key in keys} for keys in steps]
        sizes = [step_bytes(found.values()) for found in infos]
        ring = self._ring.for_steps(sizes)
        with ExitStack() as stack:
            readers: dict[str, TensorReader] = {}

            def fill(number: int, piece: "Tensor") -> None:
                self._fill(infos[number], piece, readers, stack)

            reading = ReadAhead(ring, sizes, fill, ahead=self.prefetch, times=self.times)
            with reading:
                for found in infos:
                    tensors = laid_out(reading.next(), found)
                    self._look(tensors)
                    yield Weights(tensors, self._small.factors, self._small.dtypes)
                    reading.release()
        self._refuse_changed()

    def _look(self, tensors: "Mapping[Key, Tensor]") -> None:
        """Refuse NaN at the first sight of a tensor."""
        for key in self._unchecked & tensors.keys():
            refuse_nan(*key, tensors[key])
            self._unchecked.remove(key)

    def _bytes(self, keys: Sequence[Key]) -> int:
        return step_bytes(self._infos[key] for key in keys)

    def _fill(
        self,
        infos: Mapping[Key, TensorInfo],
        piece: "Tensor",
        readers: dict[str, TensorReader],
        stack: ExitStack,
    ) -> None:
        filled = set()
        for (reference, name), tensor in laid_out(piece, infos).items():
            place = place_of(infos[reference, name])
            if place in filled:
                continue
            if reference not in readers:
                reader = TensorReader(self._checkpoints[reference], rounded=False)
                readers[reference] = stack.enter_context(reader)
            readers[reference].fill(name, tensor)
            filled.add(place)

    def _refuse_changed(self) -> None:
        """Refuse files that were written to: candidates before and after would be of two models."""
        for file, stamp in self._stamps.items():
            if _stamp(file) != stamp:
                raise CheckpointError(
                    f"{str(file)!r} changed while it was in use; start again, or keep the models "
                    "in memory (--memory device)"
                )


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError as error:
        raise CheckpointError(
            f"{str(file)!r} cannot be read ({error.strerror}); copy or download the file again"
        ) from error
    return found.st_size, found.st_mtime_ns
