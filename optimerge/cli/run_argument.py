"""A run folder on a command line; of a file there it is said which run may be meant."""

import os
from pathlib import Path
from typing import Any

import click

from optimerge.cli.here import RUNS, is_run


class RunArgument(click.Path):
    """A path that may be there or not, but is no file: a search space is easily given instead."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "str | bytes | os.PathLike[str]":
        """Return the path; click.BadParameter if it is a file."""
        if os.path.isfile(value):
            meant = Path(RUNS) / Path(os.fsdecode(value)).stem
            hint = f"did you mean {meant}?" if is_run(meant) else "give a run folder"
            self.fail(f"{os.fsdecode(value)} is a file; {hint}", param, ctx)
        return super().convert(value, param, ctx)
