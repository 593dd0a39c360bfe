"""Datasets that cannot be had: no network, not downloaded, stopped in the middle."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_DOWNLOADERS = ("aiohttp", "datasets", "fsspec", "httpx", "huggingface_hub", "pyarrow", "requests")
_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy")


@contextmanager
def quick_without_network(config: Mapping[str, Any]) -> Iterator[None]:
    """Do without the Hub, as with HF_HUB_OFFLINE=1, for local data, and if it cannot be reached.

    Asked all the same, `datasets` would count the use of local files at a server of its own, and
    without a network try for half a minute before it looks for what it has.
    """
    import datasets
    from huggingface_hub import constants

    needed = not _is_local(config)
    if constants.HF_HUB_OFFLINE or (needed and _may_reach(constants.ENDPOINT)):
        yield
        return
    before: bool = datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = False, before


def _is_local(config: Mapping[str, Any]) -> bool:
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    place = str(config.get("dataset_path") or "")
    remote = "://" in str(config.get("dataset_kwargs"))
    return not remote and (
        place in _PACKAGED_DATASETS_MODULES or (bool(place) and Path(place).exists())
    )


def _may_reach(endpoint: str) -> bool:
    if any(os.environ.get(name) for name in _PROXIES):
        return True
    try:
        socket.getaddrinfo(urlsplit(endpoint).hostname, None)
    except OSError:
        return False
    return True


def is_of_data(error: BaseException) -> bool:
    """Say whether an error is of the reading of data, rather than of a task's YAML."""
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError | EOFError) or module in _DOWNLOADERS


def why_no_data(error: BaseException) -> str:
    """Return what happened and the remedy, to stand after the dataset's name."""
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    said = line(error)
    if isinstance(error, ConnectionError) and "couldn't reach" in str(error).lower():
        return (
            f"is not on this machine and its place cannot be reached ({said}); run `optimerge "
            "check` once with a network to download it, or correct its dataset_path"
        )
    if isinstance(error, DatasetNotFoundError):
        return (
            f"is not to be had ({said}); correct its dataset_path, or log in with `hf auth login` "
            "if it is private or gated"
        )
    if isinstance(error, FileNotFoundError):
        return f"cannot be loaded ({said}); check its data_files"
    return (
        f"could not be read to the end ({said}); if a download was cut off, run the command again "
        "with a network; if it stops at the same place, mend its data_files, or delete it from "
        f"{datasets.config.HF_DATASETS_CACHE} to download it anew"
    )


def line(error: BaseException) -> str:
    """Return an error's kind and message, with its cause's, in one line."""
    text = " ".join(str(error).split()) or "no message"
    cause = error.__cause__
    tail = f", from {line(cause)}" if cause is not None and len(text) < 100 else ""
    return f"{type(error).__name__}: {text[:300]}{tail}"
