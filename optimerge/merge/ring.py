"""A block of memory whose pieces are taken and given back in the same order."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimerge.merge.arena import ALIGNED

if TYPE_CHECKING:
    from torch import Tensor


class Ring:
    """Pieces for the tensors on their way, oldest given back first; not for two threads at once.

    Args:
        size: Bytes.
        device: Where.
        pinned: Whether main memory is page-locked, so that a device reads it by itself.
    """

    def __init__(self, size: int, device: str, *, pinned: bool = False) -> None:
        import torch

        self.size = size
        self._memory = torch.empty(
            size + ALIGNED, dtype=torch.uint8, device=device, pin_memory=pinned
        )
        self._first = -self._memory.data_ptr() % ALIGNED
        self._taken: deque[tuple[int, int]] = deque()

    def __len__(self) -> int:
        """Return how many pieces are taken."""
        return len(self._taken)

    def take(self, size: int) -> "Tensor | None":
        """Return a piece of that many bytes (at least 1), None while there is no room for it."""
        if not 0 < size <= self.size:
            raise ValueError(f"a ring of {self.size} bytes has no piece of {size}")
        start = self._room(size)
        if start is None:
            return None
        self._taken.append((start, start + size))
        return self._memory[self._first + start : self._first + start + size]

    def give_back(self) -> None:
        """Free the oldest piece."""
        self._taken.popleft()

    def _room(self, size: int) -> int | None:
        if not self._taken:
            return 0
        tail, head = self._taken[0][0], self._taken[-1][1]
        if head <= tail:  # the taken part runs over the end
            return head if size <= tail - head else None
        if size <= self.size - head:
            return head
        return 0 if size <= tail else None


class RingToStream:
    """The ring that a store streams through, made when it is first needed.

    Args:
        size: Bytes, at the start; more once a step is larger.
        device: As `Ring`'s.
        pinned: Likewise.
    """

    def __init__(self, size: int, device: str, *, pinned: bool = False) -> None:
        self._size, self._device, self._pinned = size, device, pinned
        self._ring: Ring | None = None

    @property
    def bytes(self) -> int:
        """Bytes of memory held."""
        return 0 if self._ring is None else self._size

    def for_steps(self, sizes: Sequence[int]) -> Ring:
        """Return a ring with room for the largest of these steps, in bytes."""
        most = max(sizes, default=0)
        if self._ring is None or most > self._size:
            self._ring, self._size = None, max(most, self._size)
            self._ring = Ring(self._size, self._device, pinned=self._pinned)
        return self._ring
