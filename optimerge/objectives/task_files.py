"""Looks at a folder of lm-eval task files before lm-eval does: its reader trusts them.

It reads every file of the folder as soon as the folder is named, with a parser that ends the
process where a file is nested too deep.
"""

from contextlib import suppress
from pathlib import Path

import yaml

from optimerge.errors import TaskError
from optimerge.objectives.downloads import line
from optimerge.recipe.yaml_limits import LimitError, check_limits

MOST_BYTES = 10_000_000
MOST_VALUES = 1_000_000


def check_task_files(folder: Path) -> None:
    """Raise TaskError if a task file, or one that it includes, is larger or deeper than any task.

    One that is no YAML passes: lm-eval leaves it out.
    """
    seen: set[Path] = set()
    for file in sorted(folder.glob("**/*.yaml")):
        _check(file, seen)


def task_file_tags(file: Path) -> frozenset[str]:
    """Return the tags in a task file, resolved: YAML has several ways to write the same one.

    TaskError if it cannot be read, or is larger or deeper than any task.
    """
    try:
        return _limited(file)
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise TaskError(f"{file} cannot be read, mend it: {line(error)}") from None


def _check(file: Path, seen: set[Path]) -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    place = file.expanduser().resolve()
    if place in seen or not place.exists():
        return
    seen.add(place)
    try:
        _limited(place)
    except LimitError as error:
        raise TaskError(f"{file} is no task: {line(error)}") from None
    except (yaml.YAMLError, ValueError, OSError):
        return
    included: object = None
    with suppress(Exception):  # lm-eval leaves the file out for the same reason
        included = load_yaml(place, resolve_func=False, recursive=False).get("include")
    for name in included if isinstance(included, list) else [included]:
        if isinstance(name, str) and "\0" not in name:
            _check(place.parent / name, seen)


def _limited(file: Path) -> frozenset[str]:
    if not file.is_file():
        raise LimitError("it is no file")
    with file.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise LimitError(f"it has more than {MOST_BYTES} bytes")
    return check_limits(content, most_values=MOST_VALUES)
