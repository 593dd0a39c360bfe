"""`optimerge demo`: the whole road, once, on tiny real models."""

from pathlib import Path

import click

from optimerge.cli import completing
from optimerge.cli.run_argument import RunArgument


@click.command("demo")
@click.option(
    "--run-dir",
    type=RunArgument(),
    default=Path("runs/demo"),
    show_default=True,
    shell_complete=completing.runs,
    help="Run folder; the same folder goes on where it stopped.",
)
@click.option(
    "--zoo",
    "zoo_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the tiny models are kept. Default: the user's cache folder.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    help="Finished trials in all, parents included. Default: 40.",
)
def command(run_dir: Path, zoo_folder: Path | None, trials: int | None) -> None:
    """Search tiny models for their best merges, from start to end.

    Trains the models, searches, prints the front and what is next. Needs neither a GPU nor a
    network; takes about two minutes on two cores.

    \b
    Example:
      optimerge demo
    """
    from optimerge.cli.demonstration import demonstrate

    raise click.exceptions.Exit(demonstrate(run_dir, zoo_folder, trials))
