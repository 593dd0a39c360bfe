"""Memory that the torch kernels work in: made once, for one part of a tensor, by name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, device


class Rows:
    """Some rows of float32 memory of one length, one after the other."""

    def __init__(self, whole: "Tensor") -> None:
        import torch

        self.whole = whole
        self.each: Sequence[Tensor] = self.whole.unbind()
        self.bits = self.whole.view(torch.int32)
        """The same memory as int32 numbers."""
        self.each_bits: Sequence[Tensor] = self.bits.unbind()

    def only(self, index: int) -> "Rows":
        """Return one row as rows."""
        return Rows(self.whole[index : index + 1])


class Buffers:
    """Rows of memory for up to `capacity` float32 numbers each; what they hold is undefined.

    Fresh memory for each step would be given back to the system and faulted in again: glibc does
    so above 128 KiB, at several times the cost of the arithmetic. Views are kept too, those of the
    last length asked for: to make one takes microseconds, and most parts are of one length.
    """

    def __init__(self, on: "device", capacity: int) -> None:
        import torch

        self.device, self.capacity = on, capacity
        self.zero = torch.zeros((), dtype=torch.float32, device=on)
        """Zero as torch takes it fastest."""
        self._held: dict[str, Tensor] = {}
        self._views: dict[tuple[str, int], Rows] = {}
        self._size = capacity
        self._cut: tuple[str, int, tuple[int, ...], tuple[Tensor, ...]] = ("", 0, (), ())

    def rows(self, name: str, count: int, size: int) -> Rows:
        """Return `count` rows of `size` numbers of the memory of this name."""
        if size != self._size:
            self._views.clear()
            self._size = size
        if (name, count) not in self._views:
            memory = self._memory(name, count)
            self._views[name, count] = Rows(memory[: count * size].view(count, size))
        return self._views[name, count]

    def row(self, name: str, size: int) -> "Tensor":
        """Return `size` numbers of the memory of this name."""
        return self.rows(name, 1, size).each[0]

    def cut(self, name: str, size: int, *lengths: int) -> "tuple[Tensor, ...]":
        """Return `size` numbers of the memory of this name, whole and cut into these lengths."""
        if self._cut[:3] != (name, size, lengths):
            whole = self._memory(name, 1)[:size]
            self._cut = name, size, lengths, (whole, *(whole.view(-1, n) for n in lengths))
        return self._cut[3]

    def _memory(self, name: str, count: int) -> "Tensor":
        import torch

        held = self._held.get(name)
        if held is None or held.numel() < count * self.capacity:
            held = torch.empty(count * self.capacity, dtype=torch.float32, device=self.device)
            self._held[name] = held
            self._views.clear()
            self._cut = "", 0, (), ()
        return held
