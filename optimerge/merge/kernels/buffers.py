"""Memory that the torch kernels work in: made once, for one part of a tensor, by name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, device, dtype


class Buffers:
    """Rows of memory for up to `capacity` entries each; what they hold is undefined.

    Fresh memory for each step would be given back to the system and faulted in again: glibc does
    so above 128 KiB, at several times the cost of the arithmetic.
    """

    def __init__(self, on: "device", capacity: int) -> None:
        self.device, self.capacity = on, capacity
        self._held: dict[str, Tensor] = {}
        self._views: dict[tuple[str, int, dtype], Tensor] = {}
        self._size = capacity

    def floats(self, name: str, size: int) -> "Tensor":
        """Return `size` float32 numbers."""
        return self.rows(name, 1, size)[0]

    def rows(self, name: str, count: int, size: int) -> "Tensor":
        """Return `count` rows of `size` float32 numbers, one after the other."""
        import torch

        return self._view(name, count, size, torch.float32)

    def integers(self, name: str, count: int, size: int) -> "Tensor":
        """Return the memory of `rows` as int32 numbers."""
        import torch

        return self._view(name, count, size, torch.int32)

    def _view(self, name: str, count: int, size: int, kind: "dtype") -> "Tensor":
        if size != self._size:  # views of the last size are kept: parts mostly have the same
            self._views.clear()
            self._size = size
        key = name, count, kind
        if key not in self._views:
            whole = self._memory(name, count)[: count * size]
            self._views[key] = whole.view(count, size).view(kind)
        return self._views[key]

    def _memory(self, name: str, count: int) -> "Tensor":
        import torch

        held = self._held.get(name)
        if held is None or held.numel() < count * self.capacity:
            held = torch.empty(count * self.capacity, device=self.device)
            self._held[name] = held
            self._views.clear()
        return held
