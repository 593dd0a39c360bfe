"""Files of statistics: what `optimerge calibrate` measured on one model.

A folder belongs to one model and holds, for each kind, KIND.safetensors (float32, by the names
of the model's tensors in its own files) and KIND.json (what was measured on what).
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.digest import file_digest
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo, read_header
from optimerge.checkpoint.json_file import read_object
from optimerge.checkpoint.layout import Shard, Slot, shards_of
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.staging import disk_errors, sync
from optimerge.errors import CheckpointError
from optimerge.methods.protocol import Statistic, StatisticKind

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Measurement:
    """What was measured, on which model and documents."""

    kind: StatisticKind
    model: str
    """The model as it was named."""
    digest: str
    """`checkpoint_digest` of the model."""
    source: str
    """Where the documents are from, for people."""
    documents: int
    documents_digest: str
    tokens: int
    seed: int
    max_length: int
    optimerge: str
    """The version that measured."""
    labels: str | None = None
    """fisher: `sampled` from the model, or the `text`'s own (the empirical Fisher)."""
    samples: int | None = None
    """fisher: labels drawn for each token."""
    axes: Mapping[str, int] = field(default_factory=dict)
    """gram: tensors whose inputs run along another dimension than the last."""


@dataclass(frozen=True)
class StatisticsFile:
    """The statistics of one kind of one model: headers, no tensors."""

    file: Path
    about: Measurement
    tensors: Mapping[str, TensorInfo]

    def read(self, name: str, device: str = "cpu") -> Statistic | None:
        """Return one tensor's statistic; None if there is none."""
        if name not in self.tensors:
            return None
        held = Checkpoint(str(self.file.parent), self.file.parent, {}, self.tensors)
        with TensorReader(held) as reader:
            return Statistic(reader.read(name, device), self.about.axes.get(name, -1))


def statistics_path(folder: Path, kind: StatisticKind) -> Path:
    """Return the file of tensors; beside it, with the suffix .json, lies what it is about."""
    return folder / f"{kind}.safetensors"


def write_statistics(
    folder: Path, about: Measurement, shapes: Shapes, read: "Callable[[str], Tensor]"
) -> Path:
    """Write the statistics of one kind, one tensor at a time, over what was there; return the file.

    `read` gives each tensor of `shapes`, in float32. CheckpointError if the disk is full.
    """
    file = statistics_path(folder, about.kind)
    note, partial = file.with_suffix(".json"), file.with_name(f".{file.name}.partial-{os.getpid()}")
    slots = [Slot(name, "F32", shape) for name, shape in shapes.items()]
    [shard] = shards_of(slots, shard_bytes=sum(slot.bytes for slot in slots))
    try:
        with disk_errors(folder, shard.bytes):
            folder.mkdir(parents=True, exist_ok=True)
            _write_tensors(partial, shard, read)
            note.unlink(missing_ok=True)  # a note never stands beside another's tensors
            partial.replace(file)
            data = {"format": FORMAT, **asdict(about), "tensors": file_digest(file)}
            kept = {key: value for key, value in data.items() if value not in (None, {})}
            partial.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
            sync(partial)
            partial.replace(note)
            sync(folder)
    finally:
        partial.unlink(missing_ok=True)
    return file


def _write_tensors(file: Path, shard: Shard, read: "Callable[[str], Tensor]") -> None:
    with file.open("wb") as stream:
        stream.write(shard.header)
        for name in shard.offsets:  # all are of one type, so they follow each other
            stream.write(read(name).detach().contiguous().cpu().numpy().data)
        stream.flush()
        os.fsync(stream.fileno())


def open_statistics_file(folder: Path, kind: StatisticKind) -> StatisticsFile:
    """Read what a folder says of its statistics of one kind, and their header.

    CheckpointError, which says what is wrong but not what to do, if there are none, or if the
    tensors are not those that belong to the note.
    """
    file = statistics_path(folder, kind)
    note = file.with_suffix(".json")
    if not note.is_file():
        others = [
            p.stem for p in sorted(folder.glob("*.json")) if p.with_suffix(file.suffix).is_file()
        ]
        found = f"it holds {' and '.join(others)}" if others else "it holds no statistics"
        raise CheckpointError(f"{str(folder)!r} has no {note.name}: {found}")
    try:
        data = read_object(note)
        version, digest = data.pop("format"), data.pop("tensors")
        if version != FORMAT:
            raise CheckpointError(f"{str(note)!r} has the format {version}, not {FORMAT}")
        about = Measurement(**data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{str(note)!r} cannot be read ({error})") from error
    tensors = read_header(file)
    if about.kind != kind or digest != file_digest(file):
        raise CheckpointError(f"{str(note)!r} is not about the tensors beside it")
    return StatisticsFile(file, about, tensors)
