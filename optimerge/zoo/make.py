"""Make a zoo, or take the one that is there. Imports torch only to make one."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optimerge.errors import RunError
from optimerge.zoo.config import DEFAULT, ZooConfig
from optimerge.zoo.folder import Zoo, config_of, entries, read_record, write_record
from optimerge.zoo.task_files import write_tasks

MOST_BESIDE = 10


class ForeignFolderError(RunError):
    """The folder for a zoo holds something else."""


def default_directory(config: ZooConfig = DEFAULT) -> Path:
    """Return the folder in the user's cache for this config.

    The cache is `$OPTIMERGE_CACHE`, else `$XDG_CACHE_HOME/optimerge`, else `~/.cache/optimerge`.
    """
    if own := os.environ.get("OPTIMERGE_CACHE"):
        cache = Path(own)
    elif shared := os.environ.get("XDG_CACHE_HOME"):
        cache = Path(shared) / "optimerge"
    else:
        cache = Path.home() / ".cache" / "optimerge"
    return cache / f"zoo-{config.digest()[:8]}"


def cached_zoo(config: ZooConfig = DEFAULT, progress: Callable[[str], None] | None = None) -> Zoo:
    """Return the zoo of the user's cache; where its folder holds what is not ours, one beside it.

    RunError if the cache cannot be written, or if ten folders are taken.
    """
    taken = None
    for directory in _folders(config):
        try:
            return make_zoo(directory, config, progress)
        except ForeignFolderError as error:
            taken = taken or error
    assert taken is not None
    raise taken


def make_zoo(
    directory: Path,
    config: ZooConfig = DEFAULT,
    progress: Callable[[str], None] | None = None,
    *,
    from_cache: bool = False,
) -> Zoo:
    """Return the zoo in `directory`, trained now unless one of the same config is there.

    It is made in a hidden folder beside `directory` and renamed at the end: an interrupted making
    leaves nothing. A zoo of another config is replaced, a moved one gets its paths written again.
    `progress` is told one line at a time, now and then from another thread. `from_cache`: one of
    the same config in the user's cache is copied, not trained again.

    Raises:
        RunError: `directory` holds anything else than a zoo (`ForeignFolderError`), or cannot
            be written. A zoo of an older format is a zoo, and is replaced.
    """
    directory = directory.expanduser().absolute()
    try:
        if zoo := _there(directory, config):
            return zoo
        _refuse_foreign(directory)
        source = _cached(config) if from_cache else None
        return _make(directory, config, progress or (lambda _: None), source)
    except OSError as error:
        raise RunError(f"{directory}: cannot be written ({error}); name another folder") from error


def _make(
    directory: Path, config: ZooConfig, say: Callable[[str], None], source: Path | None
) -> Zoo:
    """Create a zoo, or copy `source`, in a hidden sibling and rename it, or leave nothing."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        half.chmod(0o755)
        if source is None:
            seconds, cpu_seconds = _fill(half, directory, config, say)
        else:
            say(f"copying the same models from {source}")
            shutil.copytree(source, half, dirs_exist_ok=True)
            seconds, cpu_seconds = _relocated(half, directory, config)
        zoo = _install(half, directory, config)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return zoo or Zoo(directory, config, seconds, cpu_seconds, reused=False, copied_from=source)


def _folders(config: ZooConfig) -> list[Path]:
    """Return the folders of the user's cache that may hold the zoo, the first choice first."""
    first = default_directory(config)
    beside = [first.with_name(f"{first.name}-{number}") for number in range(2, MOST_BESIDE + 1)]
    return [first, *beside]


def _cached(config: ZooConfig) -> Path | None:
    """Return the folder of the user's cache that holds this zoo and nothing else, if one does."""
    for folder in _folders(config):
        if _record(folder, config) and {path.name for path in folder.iterdir()} == entries(config):
            return folder
    return None


def _record(directory: Path, config: ZooConfig) -> dict[str, Any] | None:
    """Return the record of the zoo in the folder, if it is one of this config, and whole."""
    record = read_record(directory)
    if record is None or record["digest"] != config.digest():
        return None
    return record if all((directory / name).exists() for name in entries(config)) else None


def _there(directory: Path, config: ZooConfig) -> Zoo | None:
    """Return the zoo of this config in the folder, its paths mended if it was moved."""
    record = _record(directory, config)
    if record is None:
        return None
    if record["location"] != str(directory):
        _relocated(directory, directory, config)
    return Zoo(directory, config, record["seconds"], record["cpu_seconds"], reused=True)


def _relocated(folder: Path, location: Path, config: ZooConfig) -> tuple[dict[str, float], float]:
    """Write the paths of a whole zoo in `folder` anew; return the seconds that its making took."""
    record = _record(folder, config)
    if record is None:  # another process is replacing it
        raise FileNotFoundError(f"{folder}: the zoo is not whole")
    write_tasks(folder, location, config)
    write_record(
        folder,
        config,
        location=location,
        seconds=record["seconds"],
        cpu_seconds=record["cpu_seconds"],
        versions=record["versions"],
    )
    return record["seconds"], record["cpu_seconds"]


def _refuse_foreign(directory: Path) -> None:
    """Raise RunError unless the folder is free, empty, or a zoo and nothing but a zoo."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ForeignFolderError(f"{directory}: is a file; name a folder for the zoo")
    names = {path.name for path in directory.iterdir()}
    if not names:
        return
    config = config_of(directory)
    if config is None:
        raise ForeignFolderError(
            f"{directory}: is not empty and not a zoo; name a new or an empty folder"
        )
    theirs = (
        names
        - entries(DEFAULT)
        - {task for task in config.get("tasks") or () if isinstance(task, str)}
    )
    if theirs:
        raise ForeignFolderError(
            f"{directory}: the zoo there would be replaced, but the folder also holds "
            f"{min(theirs)!r}; move that away or name another folder"
        )


def _fill(
    half: Path, directory: Path, config: ZooConfig, say: Callable[[str], None]
) -> tuple[dict[str, float], float]:
    """Create the zoo in a folder; return wall seconds by stage, and processor seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    from optimerge.zoo.create import create, versions

    libraries = time.perf_counter() - start
    seconds = {"libraries": libraries, **create(half, directory, config, say)}
    spent = time.process_time() - cpu
    write_record(
        half,
        config,
        location=directory,
        seconds=seconds,
        cpu_seconds=spent,
        versions=versions(),
    )
    return seconds, spent


def _install(half: Path, directory: Path, config: ZooConfig) -> Zoo | None:
    """Rename the finished folder into place; return another process's zoo if that came first."""
    old = half.with_name(half.name + ".old")
    try:
        if zoo := _there(directory, config):
            return zoo
        _refuse_foreign(directory)
        if directory.exists():
            directory.rename(old)
        half.rename(directory)
    except OSError:
        if zoo := _there(directory, config):
            return zoo
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
    return None
