"""Copies streamed tensors to a device, the next step's while this one is merged."""

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from optimerge.checkpoint.headers import TensorInfo
from optimerge.merge.lane import Lane
from optimerge.merge.ring import RingToStream
from optimerge.merge.steps import Key, laid_out, place_of, step_bytes
from optimerge.merge.store import Store
from optimerge.merge.weights import Weights


class StagedWeights:
    """Tensors of several models on a device, a few at a time. Not for two streams at once.

    Copies run on a stream of their own. On a CPU (for tests) they are plain copies.

    Args:
        inner: Holds or reads them in main memory, page-locked so that copies run by themselves.
        small: Factors of adapters and dtypes, on the device.
        infos: What each tensor is.
        size: Bytes of the device's memory to stream through, at the start.
        device: Where to.
    """

    def __init__(
        self, inner: Store, small: Weights, infos: Mapping[Key, TensorInfo], size: int, device: str
    ) -> None:
        self.inner = inner
        self._small, self._infos, self._device = small, infos, device
        self._ring = RingToStream(size, device)

    @property
    def bytes(self) -> int:
        """Bytes of memory held."""
        return self.inner.bytes + self._small.bytes + self._ring.bytes

    def stream(self, steps: Sequence[Sequence[Key]]) -> Generator[Weights]:
        """Yield the tensors of each step; they are gone when the next is asked for."""
        infos = [{key: self._infos[key] for key in keys} for keys in steps]
        sizes = [step_bytes(found.values()) for found in infos]
        ring = self._ring.for_steps(sizes)
        lane = Lane(self._device)
        copied: deque[tuple[Weights, Any]] = deque()

        def merged() -> None:
            """The oldest step was merged: its memory is free when the device is that far."""
            lane.merged()
            ring.give_back()

        try:
            with closing(self.inner.stream(steps)) as inner:
                for found, size, held in zip(infos, sizes, inner, strict=True):
                    piece = ring.take(size)
                    while piece is None:  # no room beside the step before: it goes first
                        yield lane.arrived(*copied.popleft())
                        merged()
                        piece = ring.take(size)
                    there = laid_out(piece, found)
                    with lane.copying():
                        for key in {place_of(info): key for key, info in found.items()}.values():
                            there[key].copy_(held.dense[key], non_blocking=True)
                    mark = lane.mark()
                    copied.append((Weights(there, self._small.factors, self._small.dtypes), mark))
                    if len(copied) > 1:
                        yield lane.arrived(*copied.popleft())
                        merged()
                    lane.finish(mark)  # what holds the tensors may use its memory again
                while copied:
                    yield lane.arrived(*copied.popleft())
                    merged()
        finally:
            lane.finish_all()
            while len(ring):
                ring.give_back()
