"""Reads tensors of a checkpoint, one at a time; a LoRA adapter on it is added on the way."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from optimerge.checkpoint.adapter import TensorChange
from optimerge.checkpoint.dtypes import TORCH_NAMES
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo, read_header
from optimerge.checkpoint.lowrank import Factors, adapted
from optimerge.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MOST_BYTES = 1 << 30
"""Asked of the system at a time; Linux gives at most 2 GiB."""
_STAGED = 1 << 26
"""Bytes on their way to a device at a time."""


class TensorReader:
    """Reads tensors by name; each weight file is opened once and closed at the end.

    A context manager, for one thread. Tensors that a LoRA adapter changes come `rounded` to the
    checkpoint's dtype, as peft bakes them in, or unrounded in float32.
    """

    def __init__(self, checkpoint: Checkpoint, *, rounded: bool = True) -> None:
        self.checkpoint = checkpoint
        self.rounded = rounded
        self._files: dict[Path, tuple[int, dict[str, TensorInfo]]] = {}
        self._open = ExitStack()
        self._staging: Tensor | None = None

    def __enter__(self) -> "TensorReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.clear()
        self._open.close()

    def read(self, name: str, device: str = "cpu") -> "Tensor":
        """Return one tensor, with memory of its own, in the file's dtype but for adapters.

        CheckpointError if the model has no such tensor or its file cannot be read (any more).
        """
        weight, factors = self.weight(name, device), self.factors(name, device)
        if factors is None:
            return weight
        return adapted(weight, factors, rounded=self.rounded)

    def weight(self, name: str, device: str = "cpu") -> "Tensor":
        """Return one tensor without the factors of an adapter."""
        weight = self._tensor(self.source(name), device)
        return weight.to(dtype_of(self._info(name))) if self.rounded else weight

    def fill(self, name: str, place: "Tensor") -> None:
        """Read what an unrounded `weight` returns into memory of its shape and dtype.

        Memory of a device is filled through a small buffer, so main memory never holds the model.
        """
        import torch

        info = self.source(name)
        into = place.reshape(-1).view(torch.uint8)
        if into.device.type == "cpu":
            self._read(info, 0, into)
            return
        if self._staging is None:
            self._staging = torch.empty(_STAGED, dtype=torch.uint8, pin_memory=True)
        for start in range(0, info.bytes, _STAGED):
            part = self._staging[: min(_STAGED, info.bytes - start)]
            self._read(info, start, part)
            into[start : start + part.numel()].copy_(part)

    def factors(self, name: str, device: str = "cpu") -> Factors | None:
        """Return what a LoRA adapter adds to a tensor, or None."""
        change = self._change(name)
        if change is None or change.factors is None:
            return None
        found = change.factors
        a, b = (self._tensor(info, device) for info in (found.a, found.b))
        return Factors(a, b, found.scale, found.transposed, found.embedding)

    def source(self, name: str) -> TensorInfo:
        """Return what `weight` reads: the model's tensor, or an adapter's in its place."""
        change = self._change(name)
        return change.whole if change and change.whole else self._info(name)

    def _info(self, name: str) -> TensorInfo:
        info = self.checkpoint.tensors.get(name)
        if info is None:
            raise CheckpointError(
                f"{self.checkpoint.reference!r} has no tensor {name!r}; "
                "take a model of the same architecture"
            )
        return info

    def _change(self, name: str) -> TensorChange | None:
        adapter = self.checkpoint.adapter
        return adapter.changes.get(self._info(name).name) if adapter else None

    def _tensor(self, info: TensorInfo, device: str) -> "Tensor":
        # Not by safetensors: it maps the file, which is slower by half, keeps all of it resident,
        # and ends the process if the file is cut meanwhile.
        import torch

        buffer = torch.empty(info.bytes, dtype=torch.uint8)
        self._read(info, 0, buffer)
        return buffer.view(dtype_of(info)).reshape(info.shape).to(device)

    def _read(self, info: TensorInfo, start: int, into: "Tensor") -> None:
        """Fill main memory (uint8) with a tensor's bytes from `start` on."""
        size = into.numel()
        try:
            file = self._file(info)
            view = memoryview(into.numpy().data)
            done = 0
            while done < size:
                place = info.start + start + done
                count = os.preadv(file, [view[done : done + _MOST_BYTES]], place)
                if count == 0:
                    raise OSError(None, "the file is cut")
                done += count
        except OSError as error:
            raise CheckpointError(
                f"{str(info.file)!r}: {info.name!r} cannot be read ({error.strerror}); "
                "copy or download the file again"
            ) from error

    def _file(self, info: TensorInfo) -> int:
        if info.file not in self._files:
            handle = os.open(info.file, os.O_RDONLY)
            self._open.callback(os.close, handle)
            self._files[info.file] = handle, read_header(info.file)
        handle, header = self._files[info.file]
        now = header.get(info.name)
        if now is None or (now.dtype, now.shape, now.start) != (info.dtype, info.shape, info.start):
            found = f"has the shape {now.shape} now" if now else "is no more"
            raise CheckpointError(
                f"{str(info.file)!r} changed while it was in use: {info.name!r} had the shape "
                f"{info.shape} and {found}; start again"
            )
        return handle


def dtype_of(info: TensorInfo) -> "torch.dtype":
    """Return a tensor's torch dtype; CheckpointError if torch has none."""
    import torch

    name = TORCH_NAMES[info.dtype]
    found: torch.dtype | None = getattr(torch, name, None)
    if found is None:
        raise CheckpointError(
            f"{str(info.file)!r} has {info.name!r} of type {name}, which cannot be read; "
            "dequantise the model to bfloat16"
        )
    return found
