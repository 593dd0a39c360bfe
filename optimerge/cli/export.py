"""`optimerge export`: a trial's recipe, with its evidence."""

from pathlib import Path

import click

from optimerge.cli.options import RUN, STORAGE


@click.command("export")
@RUN
@STORAGE
@click.option("--trial", metavar="N", help="A trial's number, or a parent's name.")
@click.option(
    "--pick",
    metavar="HOW",
    default="knee",
    show_default=True,
    help="knee, mean (best mean over the objectives), best:OBJECTIVE or trial:N.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; default RUN/recipe.yaml; - prints it.",
    default=None,
)
def command(run: Path, storage: str, trial: str | None, pick: str, output: Path | None) -> None:
    """Write the recipe of one trial; mergekit-yaml and `optimerge build` both build it.

    The choice looks at search scores only. The evidence stands in the file as comments; so does
    the warning if mergekit lacks the method, and only `optimerge build` builds the recipe.

    \b
    Examples:
      optimerge export runs/mine
      optimerge export runs/mine --pick best:gsm8k -o math.yaml
      optimerge export runs/mine --trial 17 -o -
    """
    from optimerge.cli.quiet import quiet
    from optimerge.cli.searching import export_trial
    from optimerge.merge.rounding import NOTE
    from optimerge.recipe.read import parse_recipe

    how = f"trial:{trial}" if trial is not None else pick
    with quiet():
        if str(output) == "-":
            click.echo(export_trial(run, how, None, storage), nl=False)
            return
        file = output or run / "recipe.yaml"
        text = export_trial(run, how, file, storage)
    if parse_recipe(text).block.task_vectors:
        click.echo(f"note: {NOTE}", err=True)
    click.echo(f"wrote {file}\nbuild it: optimerge build {file} OUT")
