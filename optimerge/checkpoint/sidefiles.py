"""Copies what stands beside the weights: config, tokenizer, chat template, licence.

Never weights, pickles, code or the donor's README (it describes another model).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from optimerge.checkpoint.config import copied_config
from optimerge.checkpoint.copying import copy_content, is_refused
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.layer_count import with_layers
from optimerge.checkpoint.tokenizer import CHAT_FILES, TOKENIZER_FILES

COPIED = (
    *TOKENIZER_FILES,
    *CHAT_FILES,
    *("generation_config.json", "processor_config.json"),
    *("preprocessor_config.json", "video_preprocessor_config.json"),
    *("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*"),
)


@dataclass(frozen=True)
class SideFiles:
    """What was copied to the new model, what was left behind, and what a person should know."""

    copied: tuple[str, ...]
    dropped: tuple[str, ...]
    """Files that are code, pickles or not known here; weights and subfolders are not listed."""
    notes: tuple[str, ...]


def copy_side_files(
    donor: Checkpoint,
    directory: Path,
    dtype: str | None,
    layers: int | None,
    layer_types: Sequence[str] | None = None,
) -> SideFiles:
    """Write config.json into `directory` and copy the donor's tokenizer and its like there.

    `dtype` (torch's name), `layers` and `layer_types` replace the config's where given.
    CheckpointError if the config lists one type a layer and it is not known which ones remain.
    """
    config = _changed(donor, dtype, layers, layer_types)
    (directory / "config.json").write_text(
        json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8"
    )
    copied, dropped = ["config.json"], []
    for file in sorted((*donor.path.glob("*"), *donor.path.glob("additional_chat_templates/*"))):
        name = file.relative_to(donor.path).as_posix()
        if not file.is_file() or name == "config.json" or _is_weight(name):
            continue
        if not _wanted(name):
            dropped.append(name)
            continue
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        # The content alone: in the Hub's cache these are links, often read-only.
        copy_content(file, donor.path, directory / name)
        copied.append(name)
    return SideFiles(tuple(copied), tuple(dropped), tuple(_notes(donor, dropped)))


def _wanted(name: str) -> bool:
    return not is_refused(name) and any(fnmatch(name, pattern) for pattern in COPIED)


def _is_weight(name: str) -> bool:
    return name.endswith((".safetensors", ".safetensors.index.json"))


def _notes(donor: Checkpoint, dropped: list[str]) -> list[str]:
    code = [name for name in dropped if name.endswith(".py")]
    if not donor.config.get("auto_map") and not code:
        return []
    names = ", ".join(code) or "none in this folder"
    return [
        f"{donor.reference!r} needs code of its own (auto_map in config.json; files: {names}); it "
        "is not copied: put it beside the new model if you trust it"
    ]


def _changed(
    donor: Checkpoint, dtype: str | None, layers: int | None, layer_types: Sequence[str] | None
) -> dict[str, Any]:
    # Not the donor's path on this machine: the new model may be published.
    kept = {key: value for key, value in donor.config.items() if key != "_name_or_path"}
    config, places = copied_config(kept)
    for place in places:
        if dtype is not None:
            for key in ("dtype", "torch_dtype"):
                if key in place or (key == "dtype" and place is config):
                    place[key] = dtype
    if layers is not None:
        config = with_layers(config, layers, donor.reference, layer_types)
    return config
