"""Commands to go on with, and what each does: one form on every screen."""

import shlex
from collections.abc import Sequence
from pathlib import Path


def steps(commands: Sequence[tuple[str, str]]) -> str:
    """Return commands and what they do as lines, the second beside the first in one column.

    >>> print(steps([("optimerge front runs/a", "the front"), ("optimerge demo", "all of it")]))
      optimerge front runs/a  the front
      optimerge demo          all of it
    """
    width = max(len(command) for command, _ in commands)
    return "\n".join(f"  {command:{width}}  {does}".rstrip() for command, does in commands)


def search_command(space: Path, run: Path) -> str:
    """Return the command that goes on with a run of a space.

    >>> search_command(Path("mine.yaml"), Path("runs/mine"))
    'optimerge search mine.yaml'
    >>> search_command(Path("mine.yaml"), Path("runs/again"))
    'optimerge search mine.yaml --run-dir runs/again'
    """
    folder = "" if run == Path("runs") / space.stem else f" --run-dir {shlex.quote(str(run))}"
    return f"optimerge search {shlex.quote(str(space))}{folder}"
