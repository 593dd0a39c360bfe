"""`optimerge front`: the Pareto front of a run."""

from pathlib import Path

import click

from optimerge.cli.options import RUN, STORAGE


@click.command("front")
@RUN
@STORAGE
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="table for the screen; csv and json for programs.",
)
def command(run: Path, storage: str, form: str) -> None:
    """Print the Pareto front of a run: the trials that no other beats on every objective.

    A trial that breaks a constraint is never on it. Works while the search runs. json is a list of
    objects with number, name, parent, values and stderr by objective, constraints, params.

    \b
    Examples:
      optimerge front runs/mine
      optimerge front runs/mine --format csv > front.csv
    """
    from optimerge.cli.quiet import quiet
    from optimerge.cli.searching import front_of, print_front
    from optimerge.front.feasible import none_feasible
    from optimerge.front.table import front_table, to_csv, to_json
    from optimerge.records.plain import plain
    from optimerge.records.run import open_run

    with quiet():
        opened = open_run(run, storage)
        if form == "table":
            print_front(opened)
            return
        front = front_of(opened)
        text = to_csv(front_table(front)) if form == "csv" else to_json(front) + "\n"
        click.echo(plain(text), nl=False)
        if front.trials and not front.members:
            click.echo(f"note: {plain(none_feasible(front.trials))}", err=True)
