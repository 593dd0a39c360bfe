"""`optimerge front`: the Pareto front of a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from optimerge.cli.options import RUN, STORAGE
from optimerge.cli.streams import same_bytes

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
    help="File to write. Default: the screen.",
)
@click.option(
    "--fast",
    is_flag=True,
    help="Without the probabilities, which read the evidence of some hundred trials.",
)
def command(
    run: Path, storage: str, form: str | None, every: bool, output: Path | None, fast: bool
) -> None:
    """Print the Pareto front of a run.

    These are the trials that no other beats on every objective. A trial that breaks a constraint is
    never on it. Works while the search runs.

    Scores are noisy, and a front is a choice of the best of them. P front is the probability that a
    member is on the true front, P > best parent that its mean over the tasks is above every
    parent's: by a paired bootstrap over the search items, on which the front was chosen (so it is
    flattered), or over the test items, once `optimerge test` has scored it there.

    csv and parquet are one flat table: trial, origin, parent, state, on_front, p_front,
    p_beats_best_parent (of members and parents), error; each score and its _stderr; what it misses
    of each constraint; stats.nonzero_share, stats.l1, stats.l2 (how it differs from the base);
    seconds; each parameter. json is a list of objects with number, name, values and stderr by
    objective, params and the rest. What is unknown is empty or null. In csv a ' stands before text
    that a spreadsheet would take for a formula.

    \b
    Examples:
      optimerge front runs/mine
      optimerge front runs/mine --format md
      optimerge front runs/mine --all -o trials.parquet
    """
    from optimerge.api.run import load_run
    from optimerge.cli.fronts import certainty_lines, print_all, print_front
    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import note
    from optimerge.errors import OptimergeError
    from optimerge.export.file import write_file
    from optimerge.front.certainty import NOTHING
    from optimerge.front.feasible import none_feasible
    from optimerge.front.formats import format_of
    from optimerge.records.plain import plain

    if form is None:
        form = "table" if output is None else format_of(output)
    with quiet():
        opened = load_run(run, storage)
        if form == "table":
            if output is not None:
                raise OptimergeError(
                    "--format table is for the screen; for a file give md, csv, json or parquet"
                )
            if every:
                print_all(opened.records)
            else:
                print_front(opened.records, certainty=NOTHING if fast else opened.certainty())
            return
        if form == "parquet" and output is None and sys.stdout.isatty():
            raise OptimergeError("--format parquet is not for the screen; give -o FILE")
        certainty = NOTHING if fast else opened.certainty()
        content = opened.in_format(cast("Format", form), every=every, certainty=certainty)
        if output is not None:
            write_file(content, output)
            click.echo(f"wrote {output}", err=True)
        else:
            click.echo(same_bytes(content), nl=False)
        for line in certainty_lines(certainty, run):
            click.echo(plain(line), err=True)
        front = opened.front()
        if front.trials and not front.members:
            note(plain(none_feasible(front.trials)))
