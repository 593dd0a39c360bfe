"""A checkpoint's own Python, which transformers runs only where the user lets it.

config.json and tokenizer_config.json name it under `auto_map`: `module.Class` is a file of the
folder, `org/name--module.Class` one of another repository of the Hub.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from optimerge.checkpoint.config import INNER
from optimerge.checkpoint.json_file import read_object
from optimerge.errors import CheckpointError

FLAG = "--trust-remote-code"
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation")
"""Settings that may name a repository of the Hub whose kernels are downloaded and run."""


def code_of(folder: Path) -> list[str]:
    """Return what Python a model's folder names: its files, other repositories."""
    found: dict[str, None] = {}
    for name in ("config.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            continue
        for reference in _references(read_object(folder / name).get("auto_map")):
            repository, _, inside = reference.rpartition("--")
            module = inside.partition(".")[0]
            found[f"repository {repository}" if repository else f"{module}.py"] = None
    return list(found)


def has_code(folder: Path) -> bool:
    """Whether all Python files that a model's folder names are in it."""
    return all((folder / name).is_file() for name in code_of(folder) if name.endswith(".py"))


def trusted_code(folders: Iterable[Path]) -> str:
    """Return what is said on the screen where the models' own Python may run."""
    found = ", ".join(f"{part} of {folder}" for folder in folders for part in code_of(folder))
    return f"models may run their own Python ({FLAG}): {found or 'they have none'}"


def check_loading(
    reference: str, folder: Path, config: Mapping[str, Any], *, trusted: bool
) -> None:
    """Refuse a folder of which transformers would load, or run, more than its weights.

    CheckpointError for an adapter beside a whole model, which transformers adds to it, and, unless
    the model's code is trusted, for attention kernels of a repository of the Hub.
    """
    if (folder / "adapter_config.json").is_file():
        raise CheckpointError(
            f"{str(folder)!r} holds a whole model and a LoRA adapter, which transformers would put "
            "on it; move the adapter to a folder of its own, and name it MODEL+ADAPTER"
        )
    for place in (config, *(config.get(key) for key in INNER)):
        for key in _KERNELS:
            value = place.get(key) if isinstance(place, Mapping) else None
            if not trusted and "/" in str(value):
                raise CheckpointError(
                    f"{reference}: config.json sets {key} to {str(value)[:80]!r}, code to download "
                    f"and run; take that line out, or give {FLAG} if you trust it"
                )


def _references(auto_map: Any) -> Iterator[str]:
    values = auto_map.values() if isinstance(auto_map, Mapping) else ()
    for value in values:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield each
