"""`optimerge zoo`: tiny models to try everything on."""

import shlex
from pathlib import Path

import click


@click.command("zoo")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--report", is_flag=True, help="Score parents and uniform merges, and print them.")
@click.option("--hard", is_flag=True, help="Four experts that disturb each other more: minutes.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the training, and of the tasks' documents.",
)
def command(directory: Path, report: bool, hard: bool, seed: int) -> None:
    """Train tiny models in DIRECTORY, with tasks and a search space.

    A base and its experts, as ordinary Hugging Face checkpoints of 200 000 parameters that do small
    puzzles; trained here in about a minute, the same from the same seed. Used again if they are
    there already; copied, if `optimerge demo` has trained the same.

    \b
    Examples:
      optimerge zoo zoo/ --report
      optimerge zoo hard-zoo/ --hard
      optimerge search zoo/space.yaml
    """
    from dataclasses import replace

    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import say
    from optimerge.zoo.config import DEFAULT, HARD
    from optimerge.zoo.make import make_zoo
    from optimerge.zoo.report import report as measure

    with quiet(scoring=True):
        zoo = make_zoo(
            directory,
            replace(HARD if hard else DEFAULT, seed=seed),
            say,
            from_cache=True,
        )
        if report:
            click.echo(str(measure(zoo)))
    seconds = sum(zoo.seconds.values())
    how = "was there already" if zoo.reused else f"made in {seconds:.0f} s"
    if zoo.copied_from:
        how = f"copied from {zoo.copied_from}"
    click.echo(
        f"zoo in {directory} ({how}); search it: optimerge search {shlex.quote(str(zoo.space))}"
    )
