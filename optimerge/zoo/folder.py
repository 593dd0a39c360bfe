"""A zoo on the disk: where its files are, and its own record, `zoo.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optimerge.zoo.config import ZooConfig

RECORD = "zoo.json"
TASKS = "tasks"
SPACE = "space.yaml"
BASE = "base"


@dataclass(frozen=True)
class Zoo:
    """A finished zoo. Its seconds are those of its making, also when it is `reused`.

    `seconds` are wall seconds by stage, `cpu_seconds` the processor's over all stages.
    """

    directory: Path
    config: ZooConfig
    seconds: Mapping[str, float]
    cpu_seconds: float
    reused: bool
    copied_from: Path | None = None
    """The same zoo, if this one was not trained but copied now."""

    @property
    def base(self) -> Path:
        """The base model's checkpoint."""
        return self.directory / BASE

    @property
    def experts(self) -> dict[str, Path]:
        """The experts' checkpoints by the task that each was tuned on."""
        return {task: self.directory / task for task in self.config.tasks}

    @property
    def parents(self) -> dict[str, Path]:
        """The base and the experts."""
        return {BASE: self.base, **self.experts}

    @property
    def space(self) -> Path:
        """The search space."""
        return self.directory / SPACE


def entries(config: ZooConfig) -> set[str]:
    """Return the names of all that a zoo's folder holds."""
    return {RECORD, TASKS, SPACE, BASE, *config.tasks}


def write_record(
    folder: Path,
    config: ZooConfig,
    *,
    location: Path,
    seconds: Mapping[str, float],
    cpu_seconds: float,
    versions: Mapping[str, str],
) -> None:
    """Write `zoo.json`. `location` is the folder that the task files name (see task_files.py)."""
    record = {
        "digest": config.digest(),
        "location": str(location),
        "seconds": {stage: round(spent, 2) for stage, spent in seconds.items()},
        "cpu_seconds": round(cpu_seconds, 2),
        "versions": dict(versions),
        "config": asdict(config),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return `zoo.json` as it was written, or None if there is none that can be read."""
    record = _object(folder)
    wanted = {
        "digest": str,
        "location": str,
        "seconds": dict,
        "cpu_seconds": float,
        "versions": dict,
        "config": dict,
    }
    if record is None:
        return None
    return record if all(isinstance(record.get(k), t) for k, t in wanted.items()) else None


def config_of(folder: Path) -> dict[str, Any] | None:
    """Return the config in a `zoo.json` of any format, or None if the folder is no zoo.

    Every format had a digest, and all that a zoo needs to be told from a folder of the user's.
    """
    record = _object(folder)
    if record is None or not isinstance(record.get("digest"), str):
        return None
    config = record.get("config")
    return config if isinstance(config, dict) else {}


def _object(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
