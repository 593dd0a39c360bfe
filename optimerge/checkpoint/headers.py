"""Reads the header of a safetensors file: which tensors it holds, and where.

The layout: 8 bytes (length of the header, little-endian), the header (JSON), the tensors' bytes.
What is accepted here, the safetensors library accepts too. No tensor is read.
"""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from optimerge.checkpoint.dtypes import BITS
from optimerge.errors import CheckpointError

MOST_HEADER_BYTES = 100_000_000
_MOST_ELEMENTS, _MOST_DIMS = 2**56, 64
_FIELDS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a safetensors file: where it lies and what it is."""

    name: str
    dtype: str
    """As the file writes it: "BF16", "F32", …"""
    shape: tuple[int, ...]
    file: Path
    start: int
    """Offset of its first byte from the start of the file (not of the data behind the header)."""
    end: int
    """Offset of the byte after its last."""

    @property
    def bytes(self) -> int:
        """Bytes in the file."""
        return self.end - self.start

    @property
    def parameters(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as messages write it.

    >>> shape_text((2, 3)), shape_text(())
    ('2 x 3', 'a number')
    """
    return " x ".join(map(str, shape)) or "a number"


def read_header(file: Path) -> dict[str, TensorInfo]:
    """Return the tensors of a safetensors file by name, in the order of the header.

    CheckpointError if the file is missing, cut, or says something impossible.
    """
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            length = _length(file, stream.read(8), size)
            text = stream.read(length)
    except OSError as error:
        raise CheckpointError(
            f"{str(file)!r} cannot be read: {error.strerror}; check the path and its permissions"
        ) from error
    return _tensors(file, _parse(file, text), 8 + length, size)


def _length(file: Path, first: bytes, size: int) -> int:
    if len(first) < 8:
        _refuse(file, f"it is cut: at least 8 bytes are expected, {len(first)} found")
    length = int.from_bytes(first, "little")
    if length > MOST_HEADER_BYTES:
        _refuse(file, f"its header would have {length} bytes, more than {MOST_HEADER_BYTES}")
    if 8 + length > size:
        _refuse(file, f"it is cut: its header ends at byte {8 + length}, {size} bytes found")
    return length


def _parse(file: Path, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_natural,
            parse_float=_natural,
            parse_constant=_natural,
        )
    except (ValueError, RecursionError) as error:
        _refuse(file, f"its header is not valid JSON ({error})")
    if not isinstance(header, dict):
        _refuse(file, "its header is not a JSON object")
    metadata = header.pop("__metadata__", None)
    strings = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if metadata is not None and not strings:
        _refuse(file, "its __metadata__ is not an object of strings")
    return header


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands there twice")
        # Half a surrogate pair is no text: UnicodeEncodeError, which is a ValueError.
        (name + value if isinstance(value, str) else name).encode("utf-8")
        found[name] = value
    return found


def _natural(text: str) -> int:
    if len(text) > 20 or not text.isdigit():
        raise ValueError(f"{text[:24]} is no size or offset")
    return int(text)


def _tensors(file: Path, header: dict[str, Any], data: int, size: int) -> dict[str, TensorInfo]:
    found = {name: _tensor(file, name, entry, data) for name, entry in header.items()}
    position = data
    for info in sorted(found.values(), key=lambda info: (info.start, info.end)):
        if info.start != position:
            kind = "overlaps the tensor before it" if info.start < position else "leaves a gap"
            _refuse(file, f"{info.name!r} {kind}: byte {position} is expected, {info.start} found")
        position = info.end
    if position != size:
        kind = "it is cut" if size < position else "bytes follow its last tensor"
        _refuse(file, f"{kind}: {position} bytes are expected, {size} found")
    return found


def _tensor(file: Path, name: str, entry: Any, data: int) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != _FIELDS:
        _refuse(file, f"{name!r} must have dtype, shape and data_offsets and nothing else")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        _refuse(file, f"{name!r} has the unknown dtype {str(dtype)[:40]!r}")
    if not _naturals(shape, _MOST_DIMS) or math.prod(max(n, 1) for n in shape) > _MOST_ELEMENTS:
        _refuse(file, f"{name!r} has the impossible shape {str(shape)[:80]}")
    if not _naturals(offsets, 2) or len(offsets) < 2 or offsets[0] > offsets[1]:
        _refuse(file, f"{name!r} has the impossible data_offsets {str(offsets)[:80]}")
    start, end = offsets
    bits, held = math.prod(shape) * BITS[dtype], 8 * (end - start)
    if bits != held:
        _refuse(file, f"{name!r} ({dtype}, {shape}) is {bits} bits, its data_offsets {held}")
    return TensorInfo(name, dtype, tuple(shape), file, data + start, data + end)


def _naturals(value: Any, most: int) -> bool:
    return isinstance(value, list) and len(value) <= most and all(type(n) is int for n in value)


def _refuse(file: Path, why: str) -> NoReturn:
    raise CheckpointError(
        f"{str(file)!r} is no whole safetensors file: {why}; copy or download it again"
    )
