"""Commands to go on with, and what each does: one form on every screen."""

from collections.abc import Sequence


def steps(commands: Sequence[tuple[str, str]]) -> str:
    """Return commands and what they do as lines, the second beside the first in one column.

    >>> print(steps([("optimerge front runs/a", "the front"), ("optimerge demo", "all of it")]))
      optimerge front runs/a  the front
      optimerge demo          all of it
    """
    width = max(len(command) for command, _ in commands)
    return "\n".join(f"  {command:{width}}  {does}".rstrip() for command, does in commands)
