"""Reads tensors of a checkpoint, one at a time or all."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from optimerge.checkpoint.dtypes import FLOATS
from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TensorReader:
    """Reads tensors by name; each weight file is opened once and closed at the end.

    A context manager, for one thread.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._files: dict[Path, Any] = {}
        self._open = ExitStack()

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
        """Return one tensor in the file's dtype, with memory of its own.

        CheckpointError if the model has no such tensor or its file cannot be read (any more).
        """
        from safetensors import SafetensorError

        info = self.checkpoint.tensors.get(name)
        if info is None:
            raise CheckpointError(
                f"{self.checkpoint.reference!r} has no tensor {name!r}; "
                "take a model of the same architecture"
            )
        try:
            tensor: Tensor = self._file(info.file).get_tensor(info.name)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{str(info.file)!r}: {name!r} cannot be read ({error}); "
                "copy or download the file again"
            ) from error
        if tuple(tensor.shape) != info.shape:
            raise CheckpointError(
                f"{str(info.file)!r} changed while it was in use: {name!r} had the shape "
                f"{info.shape} and has {tuple(tensor.shape)}; start again"
            )
        # safetensors gives a view of the mapped file, shared by all who read it: what one writes
        # the next would read, and a file that is cut meanwhile would end the process.
        return tensor.clone() if device == "cpu" else tensor.to(device)

    def _file(self, file: Path) -> Any:
        from safetensors import safe_open

        if file not in self._files:
            self._files[file] = self._open.enter_context(safe_open(str(file), framework="pt"))
        return self._files[file]


def load_all(
    checkpoint: Checkpoint, dtype: "torch.dtype | str | None" = None
) -> "dict[str, Tensor]":
    """Return all tensors by name, floats cast to `dtype` (a torch dtype or its name) if given."""
    import torch

    wanted = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    found = {}
    with TensorReader(checkpoint) as reader:
        for name, info in checkpoint.tensors.items():
            tensor = reader.read(name)
            cast = wanted is not None and info.dtype in FLOATS
            found[name] = tensor.to(wanted) if cast else tensor
    return found
