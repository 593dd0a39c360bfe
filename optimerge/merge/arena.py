"""One block of memory for all tensors of a model, each padded to the kernels' block.

Loads and stores of the kernels stay aligned, and one launch can walk through a whole model.
"""

from collections.abc import Callable, Iterable
from math import prod
from typing import TYPE_CHECKING

from optimerge.merge.kernels.program import BLOCK
from optimerge.merge.lane import page_lock
from optimerge.merge.mapped import Mapped

if TYPE_CHECKING:
    from torch import Tensor, dtype
    from torch.nn import Module, Parameter

WIDEST = 4
"""Bytes an entry of the widest dtype that the kernels read."""
ALIGNED = BLOCK * WIDEST
"""Bytes: every tensor begins at a multiple of it."""


def padded(size: int) -> int:
    """Return the bytes that a tensor of that many bytes takes up in an arena."""
    return -(-size // ALIGNED) * ALIGNED


class Arena:
    """Memory handed out piece by piece; pieces live as long as the arena or any of them.

    Args:
        sizes: Bytes of the tensors that will be placed.
        device: Where.
        pinned: Whether main memory is page-locked, so that a device reads it by itself.
    """

    def __init__(self, sizes: Iterable[int], device: str, *, pinned: bool = False) -> None:
        import torch

        size = sum(map(padded, sizes))
        # What the allocator gives may begin anywhere: the first piece need not begin there.
        self._memory = torch.empty(size + ALIGNED, dtype=torch.uint8, device=device)
        self._next = -self._memory.data_ptr() % ALIGNED
        self._end = self._next + size
        if pinned:
            page_lock(self._memory)

    @classmethod
    def within(cls, memory: "Tensor") -> "Arena":
        """Return an arena of given memory (uint8), whose first tensor begins where it begins."""
        made = cls.__new__(cls)
        made._memory, made._next, made._end = memory, 0, memory.numel()
        return made

    @property
    def bytes(self) -> int:
        """Bytes of memory, padding counted."""
        return self._memory.numel()

    def take(self, shape: tuple[int, ...], dtype: "dtype") -> "Tensor":
        """Return the next tensor, contiguous, its content undefined."""
        size = prod(shape) * dtype.itemsize
        stop = self._next + size
        if stop > self._end:
            raise ValueError(f"the arena has no room for {size} more bytes")
        piece = self._memory[self._next : stop].view(dtype).view(shape)
        self._next += padded(size)
        return piece


def into_arena(model: "Module", device: str) -> None:
    """Move a model's parameters into one arena on `device`; ties stay ties, buffers follow.

    One at a time: the model is never held twice.
    """
    into_arenas(model, lambda _: device)
    model.to(device)


def into_arenas(model: "Module", place: Callable[[str], str]) -> None:
    """Move parameters, each to the device that `place` gives for its name, into an arena a device.

    As `into_arena`, but buffers stay where they are.
    """
    devices: dict[str, list[Parameter]] = {}
    for name, parameter in model.named_parameters():
        devices.setdefault(place(name), []).append(parameter)
    mapped = Mapped()
    for device, parameters in devices.items():
        arena = Arena((p.numel() * p.element_size() for p in parameters), device)
        for parameter in parameters:
            placed = arena.take(tuple(parameter.shape), parameter.dtype)
            before = parameter.data
            placed.copy_(before)
            parameter.data = placed
            mapped.forget(before)
