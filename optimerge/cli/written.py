"""What is said of a recipe that was written."""

import shlex
from pathlib import Path


def wrote(file: Path, *, other: bool) -> str:
    """Return where a recipe is and how it is built; `other`: another one was there."""
    instead = ", in place of another recipe" if other else ""
    return f"wrote {file}{instead}\nbuild it: optimerge build {shlex.quote(str(file))} OUT"
