"""Finds a model of the Hugging Face Hub in the local cache, or downloads it.

Only safetensors, JSON, chat templates and tokenizer files are ever asked for: no pickled weights,
and no code unless the user trusts the model's.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optimerge.checkpoint.code import has_code
from optimerge.checkpoint.json_file import read_object
from optimerge.errors import CheckpointError, ModelNotFoundError

WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "*.txt")
CODE = "*.py"
UNWANTED = ("*/*.safetensors", "*/*.json", "consolidated*", "*.bin", "*.pt", "*.pth", CODE)
"""Subfolders and `consolidated*` hold a second copy of the weights in another layout."""
TIMEOUT_SECONDS = 8.0
"""How long one answer of the Hub may take: a machine without network must not hang."""


Holds = Callable[[Path], bool]
"""Whether a snapshot folder holds all that is wanted of it."""


def hub_folder(
    reference: str,
    repository: str,
    revision: str | None,
    is_whole: Holds,
    *,
    with_code: bool = False,
) -> Path:
    """Return the snapshot folder of a Hub model, from the cache if it is whole, else downloaded.

    A cached snapshot is used without asking the Hub whether there is a newer one.
    ModelNotFoundError if the Hub is needed and HF_HUB_OFFLINE is set, or it cannot be reached or
    has no such model.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    cached = cached_folder(repository, revision, is_whole, with_code=with_code)
    if cached is not None:
        return cached
    if _offline():
        raise _unreachable(reference, "HF_HUB_OFFLINE is set and the local cache does not hold it")
    try:
        # snapshot_download sets no limit on its first question; this one does.
        huggingface_hub.HfApi().model_info(repository, revision=revision, timeout=TIMEOUT_SECONDS)
        arguments = _wanted(revision, with_code=with_code)
        return Path(huggingface_hub.snapshot_download(repository, **arguments))
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "no status")
        login = "; log in with `hf auth login` if it is gated" if status in {401, 403} else ""
        raise _unreachable(reference, f"the Hub answered {status}{login}") from error
    except (OSError, ValueError) as error:
        raise _unreachable(reference, _first_line(error)) from error
    except Exception as error:
        # The HTTP library's own errors share no base class with ours, and it is another
        # library in another release of huggingface_hub.
        if type(error).__module__.partition(".")[0] not in {"httpx", "httpx2", "requests"}:
            raise
        raise _unreachable(reference, _first_line(error)) from error


def cached_folder(
    repository: str, revision: str | None, is_whole: Holds, *, with_code: bool = False
) -> Path | None:
    """Return a Hub model's snapshot folder of the local cache if it is whole, else None.

    Nobody is asked.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    arguments = _wanted(revision, with_code=with_code)
    try:
        found = huggingface_hub.snapshot_download(repository, local_files_only=True, **arguments)
    except (LocalEntryNotFoundError, HFValidationError):
        return None  # who asks the Hub next is told by it what is wrong with a name
    return Path(found) if is_whole(Path(found)) else None


def _wanted(revision: str | None, *, with_code: bool) -> dict[str, Any]:
    """Return what `snapshot_download` is given: which files, and how long it may wait."""
    return {
        "revision": revision,
        "allow_patterns": [*WANTED, *([CODE] if with_code else ())],
        "ignore_patterns": [part for part in UNWANTED if part != CODE or not with_code],
        "etag_timeout": TIMEOUT_SECONDS,
    }


def _unreachable(reference: str, why: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"{reference!r} is neither a folder nor a model of the Hub that can be reached; correct "
        f"the path, or download the model on a machine with network ({why})"
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _offline() -> bool:
    named = (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"))
    return any((value or "").upper() in {"1", "ON", "YES", "TRUE"} for value in named)


def is_whole_model(folder: Path) -> bool:
    """Whether a cached snapshot has its config and every shard that its index names.

    An interrupted download, or a tool that fetched the config alone, leaves less.
    """
    if not (folder / "config.json").is_file():
        return False
    if (folder / "model.safetensors").is_file():
        return True
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return False
    try:
        weight_map = read_object(index)["weight_map"]
        return all((folder / shard).is_file() for shard in set(weight_map.values()))
    except (CheckpointError, ValueError, KeyError, TypeError, AttributeError):
        return False


def is_whole_with_code(folder: Path) -> bool:
    """Whether a cached snapshot also has the Python files that it names."""
    return is_whole_model(folder) and has_code(folder)


def is_whole_adapter(folder: Path) -> bool:
    """Whether a cached snapshot has an adapter's config and weights."""
    return all(
        (folder / name).is_file() for name in ("adapter_config.json", "adapter_model.safetensors")
    )
