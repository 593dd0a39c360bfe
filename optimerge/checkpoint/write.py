"""Writes a checkpoint tensor by tensor, holding at most one shard in memory.

The folder appears under its name when it is whole, in one step, or not at all.
"""

import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from optimerge.checkpoint.staging import disk_errors, publish, stage, sync
from optimerge.checkpoint.weights import INDEX, SINGLE
from optimerge.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor


class CheckpointWriter:
    """Writes the weights of a model into a new folder; a context manager.

    Everything goes to `folder`, a hidden folder beside the target; files put there by others
    (`copy_side_files`, a model card) belong to the checkpoint too. Leaving the block without an
    error makes it the target; an error removes it. With `overwrite` the old model of that name
    is removed once the new one is whole.
    """

    def __init__(
        self, directory: Path, shard_bytes: int = 5_000_000_000, overwrite: bool = False
    ) -> None:
        """Refuse a `directory` that holds something: CheckpointError; nothing is written yet."""
        if shard_bytes < 1:
            raise CheckpointError(f"shards of {shard_bytes} bytes are too small; take 1 or more")
        self.directory = Path(os.path.abspath(directory))
        self.shard_bytes = shard_bytes
        self.overwrite = overwrite
        self.folder = stage(self.directory, overwrite)
        self._buffer: dict[str, Tensor] = {}
        self._buffered = 0
        self._total = 0
        self._weight_map: dict[str, int] = {}
        self._shards = 0

    def __enter__(self) -> "CheckpointWriter":
        with disk_errors(self.directory, 0):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name: str, tensor: "Tensor") -> None:
        """Take a copy of one tensor, of any device and layout; the caller may reuse its memory.

        Tensors that share memory are written one by one. CheckpointError if the disk is full.
        """
        import torch

        if name in self._weight_map:
            raise ValueError(f"tensor {name!r} is added twice")
        size = tensor.numel() * tensor.element_size()
        if self._buffer and self._buffered + size > self.shard_bytes:
            self._flush()
        self._buffer[name] = tensor.detach().to(
            "cpu", copy=True, memory_format=torch.contiguous_format
        )
        self._buffered += size
        self._total += size
        self._weight_map[name] = self._shards

    def _flush(self) -> None:
        from safetensors.torch import save_file

        file = self.folder / _partial(self._shards)
        with disk_errors(self.directory, self._buffered):
            save_file(self._buffer, str(file), metadata={"format": "pt"})
            sync(file)
        self._shards += 1
        self._buffer = {}
        self._buffered = 0

    def _finish(self) -> None:
        if self._buffer:
            self._flush()
        if not self._shards:
            raise CheckpointError(
                f"no tensor was written to {str(self.directory)!r}; name models that hold weights"
            )
        names = [_final(n, self._shards) for n in range(self._shards)]
        with disk_errors(self.directory, 0):
            for n, name in enumerate(names):
                (self.folder / _partial(n)).rename(self.folder / name)
            if self._shards > 1:
                index = {
                    "metadata": {"total_size": self._total},
                    "weight_map": {name: names[n] for name, n in self._weight_map.items()},
                }
                (self.folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")
            publish(self.folder, self.directory, self.overwrite)


def _partial(shard: int) -> str:
    """Return the name of a shard while it is not known how many there will be."""
    return f"shard-{shard + 1:05d}.partial"


def _final(shard: int, shards: int) -> str:
    if shards == 1:
        return SINGLE
    return f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
