"""`optimerge report`: one page about a run that stands by itself."""

from pathlib import Path

import click

from optimerge.cli.options import PICK, RUN, STORAGE


@click.command("report")
@RUN
@STORAGE
@PICK
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. Default: RUN/report.html.",
)
def command(run: Path, storage: str, pick: str, output: Path | None) -> None:
    """Write one HTML page about a run: to send, to keep or to print.

    The front, the choice and its recipe, hypervolume over trials, which parameters, parents and
    layers decide the scores, failures, the environment. Pictures are in the file; it holds no
    script and asks nothing of a network. Works while the search runs.

    \b
    Examples:
      optimerge report runs/mine
      optimerge report runs/mine --pick best:gsm8k -o gsm8k.html
    """
    from optimerge.api.run import load_run
    from optimerge.cli.quiet import quiet

    file = output or run / "report.html"
    with quiet():
        load_run(run, storage).report(file, pick)
    click.echo(f"wrote {file}")
