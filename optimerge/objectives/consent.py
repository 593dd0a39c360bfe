"""Nothing of a task file's own Python runs unless the user allowed it.

A task YAML may name functions (`!function utils.score`), which lm-eval imports when it loads
the task. Tasks that come with lm-eval are as trusted as lm-eval itself.
"""

from pathlib import Path
from typing import Any

from optimerge.errors import TaskError

TAG = "!function"


def refuse_code(task: str, file: Path) -> None:
    """Raise TaskError if the task's file, or one that it includes, names Python functions."""
    for part in _files(file):
        if TAG in part.read_text(encoding="utf-8", errors="replace"):
            raise TaskError(
                f"task {task!r}: {part} names Python code to run ({TAG}); "
                "read that code, and give --allow-code if you trust it"
            )


def _files(file: Path, seen: frozenset[Path] = frozenset()) -> list[Path]:
    from lm_eval.tasks._yaml_loader import load_yaml

    place = file.resolve()
    if place in seen or not place.is_file():
        return []
    config: Any = load_yaml(place, resolve_func=False, recursive=False)
    included = config.get("include", []) if isinstance(config, dict) else []
    names = [included] if isinstance(included, str) else list(included or [])
    inner = [part for name in names for part in _files(place.parent / name, seen | {place})]
    return [place, *inner]
