"""Files that a command makes for its user: written whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from optimerge.errors import RunError


def write_file(content: bytes, path: Path) -> None:
    """Write a file whole or not at all, its folder too; RunError if it cannot be written."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        with partial.open("xb") as file:  # never through a link put there
            file.write(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # it cannot be there, if its folder cannot
            partial.unlink(missing_ok=True)
        raise RunError(f"{path}: cannot be written ({error.strerror}); give another -o") from None
