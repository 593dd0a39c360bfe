"""How large the models of a space are, as far as this machine knows; nobody is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from optimerge.checkpoint.dtypes import BITS, FILE_NAMES
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.hub import is_whole_adapter
from optimerge.checkpoint.reference import (
    ModelReference,
    find_here,
    near_folder,
    split_adapter,
)
from optimerge.space.space import SearchSpace

ASSUMED = "bfloat16"
"""The dtype of a model that is known by its name alone."""
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:[._]\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
_UNITS = {"b": 1e9, "m": 1e6}


@dataclass(frozen=True)
class Size:
    """One model's size."""

    parameters: int | None
    """None: unknown."""
    dtype: str = ASSUMED
    layers: int | None = None
    """None: unknown."""
    here: bool = False
    """Whether its headers were read; else the size is that of its name."""
    adapter: bool = False
    """Whether it is another model with a LoRA adapter, which adds little."""
    near: str = ""
    """The question whether a folder with a like name was meant, where there is one."""

    @property
    def bytes(self) -> int | None:
        """Bytes of its weights; None: unknown."""
        if self.parameters is None:
            return None
        return self.parameters * BITS[FILE_NAMES[self.dtype]] // 8


def sizes_of(space: SearchSpace) -> Mapping[str, Size]:
    """Return the size of every model by reference, in the space's order.

    CheckpointError for a name that can be no model's, and for a folder here that is none.
    """
    return {reference: _size(reference, space.folder) for reference in space.references}


def size_in_name(name: str) -> int | None:
    """Return the parameters that a model's name gives, or None.

    >>> size_in_name("Qwen1.5-7B-Chat"), size_in_name("smollm-135M"), size_in_name("phi-4")
    (7000000000, 135000000, None)
    >>> size_in_name("internlm2-chat-1_8b"), size_in_name("Mixtral-8x7B-v0.1")
    (1800000000, None)
    """
    found = _SIZE.search(name)
    if found is None:
        return None
    return round(float(found[1].replace("_", ".")) * _UNITS[found[2].lower()])


def _size(reference: str, folder: Path) -> Size:
    model, plus = split_adapter(reference, folder)
    missing = model if find_here(model, folder) is None else None
    if missing is None and plus is not None and find_here(plus, folder, is_whole_adapter) is None:
        missing = plus
    if missing is None:
        found = open_checkpoint(reference, folder)
        adapter = found.adapter is not None
        return Size(found.parameters, found.dtype, found.layers, here=True, adapter=adapter)
    name = ModelReference.parse(model).path.rstrip("/").rpartition("/")[2]
    near = near_folder(ModelReference.parse(missing).path, folder)
    return Size(size_in_name(name), adapter=plus is not None, near=near)
