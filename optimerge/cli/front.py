"""`optimerge front`: the Pareto front of a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from optimerge.cli.options import RUN, STORAGE

if TYPE_CHECKING:
    from optimerge.front.formats import Format


@click.command("front")
@RUN
@STORAGE
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "md", "parquet"]),
    help="table for the screen, md for a page, the others for programs. Default: what the ending "
    "of -o says, or table.",
)
@click.option("--all", "every", is_flag=True, help="Every trial of the run, not only the front.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write instead of the screen.",
)
def command(run: Path, storage: str, form: str | None, every: bool, output: Path | None) -> None:
    """Print the Pareto front of a run: the trials that no other beats on every objective.

    A trial that breaks a constraint is never on it. Works while the search runs.

    csv and parquet are one flat table: trial, origin, parent, state, on_front, error; each score
    and its _stderr; what it misses of each constraint; stats.nonzero_share, stats.l1, stats.l2
    (how it differs from the base); seconds; each parameter. json is a list of objects with number,
    name, values and stderr by objective, params and the rest. What is unknown is empty or null. In
    csv a ' stands before text that a spreadsheet would take for a formula.

    \b
    Examples:
      optimerge front runs/mine
      optimerge front runs/mine --format md
      optimerge front runs/mine --all -o trials.parquet
    """
    from optimerge.api.run import load_run
    from optimerge.cli.quiet import quiet
    from optimerge.cli.searching import print_all, print_front
    from optimerge.errors import OptimergeError
    from optimerge.export.file import write_file
    from optimerge.front.feasible import none_feasible
    from optimerge.front.formats import format_of
    from optimerge.records.plain import plain

    if form is None:
        form = "table" if output is None else format_of(output)
    with quiet():
        opened = load_run(run, storage)
        if form == "table":
            if output is not None:
                raise OptimergeError("--format table is for the screen; for a file take md")
            (print_all if every else print_front)(opened.kept)
            return
        if form == "parquet" and output is None and sys.stdout.isatty():
            raise OptimergeError("parquet is not for the screen; give -o FILE")
        content = opened.in_format(cast("Format", form), every=every)
        if output is not None:
            write_file(content, output)
            click.echo(f"wrote {output}", err=True)
        else:
            click.echo(content if form == "parquet" else content.decode(), nl=False)
        front = opened.front()
        if front.trials and not front.members:
            click.echo(f"note: {plain(none_feasible(front.trials))}", err=True)
