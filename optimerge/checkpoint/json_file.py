"""Reads JSON files of a model's folder within bounds: the folder may come from a stranger."""

import json
import re
from pathlib import Path
from typing import Any

from optimerge.errors import CheckpointError

MOST_BYTES = 100_000_000
"""The index of a model of a million tensors has as many."""
DEEPEST = 50
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half of a pair of escapes, which may be a character or none."""


def read_object(file: Path, remedy: str = "check its permissions") -> dict[str, Any]:
    """Return the object in a JSON file; CheckpointError if there is none.

    FileNotFoundError is passed on. `remedy`: for a file that cannot be read.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CheckpointError(
            f"{str(file)!r} cannot be read: {error.strerror}; {remedy}"
        ) from error
    if len(content) > MOST_BYTES:
        raise _broken(file, f"it has more than {MOST_BYTES} bytes")
    try:
        found = json.loads(content.decode("utf-8"))
        _check_depth(found)
        if _HALF.search(content):
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise _broken(file, str(error)) from error
    if not isinstance(found, dict):
        raise CheckpointError(
            f"{str(file)!r} is not a JSON object but a {type(found).__name__}; "
            "copy or download it again"
        )
    return found


def _check_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEEPEST):
        level = [inner for part in level for inner in _inner(part)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _inner(part: Any) -> list[Any]:
    """Return the lists and objects in a list or an object."""
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [value for value in values if isinstance(value, dict | list)]


def _broken(file: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{str(file)!r} is not valid JSON ({why}); copy or download it again")
