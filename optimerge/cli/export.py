"""`optimerge export`: a trial's recipe, with its evidence."""

from pathlib import Path

import click

from optimerge.cli import completing
from optimerge.cli.options import (
    ALLOW_CODE,
    AT_LEAST,
    AT_MOST,
    DEVICE,
    PICK,
    RUN,
    STORAGE,
    TRUST_CODE,
    chosen_device,
)
from optimerge.cli.streams import same_bytes
from optimerge.cli.written import wrote
from optimerge.errors import RunError
from optimerge.recipe.files import EXPORTED


@click.command("export")
@RUN
@STORAGE
@click.option(
    "--trial",
    metavar="N",
    shell_complete=completing.parents,
    help="A trial's number, or a parent's name. Default: what --pick says.",
)
@PICK
@AT_LEAST
@AT_MOST
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; - prints it. Default: RUN/recipe.yaml.",
    default=None,
)
@click.option(
    "--verify",
    is_flag=True,
    help="Build the recipe here and with mergekit, and compare both with what was scored.",
)
@click.option(
    "--mergekit",
    metavar="PATH",
    help="The program mergekit-yaml, for --verify. Default: the one on PATH.",
)
@DEVICE
@ALLOW_CODE
@TRUST_CODE
def command(
    run: Path,
    storage: str,
    trial: str | None,
    pick: str,
    at_least: tuple[str, ...],
    at_most: tuple[str, ...],
    output: Path | None,
    verify: bool,
    mergekit: str | None,
    device: str,
    allow_code: bool,
    trust_code: bool,
) -> int:
    """Write the recipe of one trial, with its evidence.

    mergekit-yaml and `optimerge build` both build it. Says why this trial, and what it gives up
    against the best of the front. The choice looks at search scores only. The evidence stands in
    the file; so does the warning if mergekit lacks the method, and only `optimerge build` builds
    the recipe.

    --verify merges the trial again, builds the file by `optimerge build` and by mergekit, into a
    temporary folder beside it, and compares every tensor. The first two must be equal, and
    mergekit's too, but where masks are random (fast mode): there both are scored. Exit code 1 if
    something that must be equal is not. --device is where the trial is merged and scored again.

    \b
    Examples:
      optimerge export runs/mine
      optimerge export runs/mine --pick best:gsm8k -o math.yaml
      optimerge export runs/mine --pick weights:gsm8k=2,humaneval=1 --at-least mmlu=0.6
      optimerge export runs/mine --trial 17 -o -
      optimerge export runs/mine --verify --mergekit ~/mergekit/bin/mergekit-yaml
    """
    file = None if str(output) == "-" else output or run / EXPORTED
    if verify and file is None:
        raise RunError("--verify needs a file, and -o - is none; give -o FILE")
    from optimerge.api.run import load_run
    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import note
    from optimerge.export.mergekit import mergekit_for
    from optimerge.export.recipe import write_export
    from optimerge.front.limits import parse_limit
    from optimerge.merge.rounding import NOTE
    from optimerge.recipe.read import parse_recipe
    from optimerge.records.plain import one_line

    how = f"trial:{trial}" if trial is not None else pick
    limits = [parse_limit(text, "at_least") for text in at_least]
    limits += [parse_limit(text, "at_most") for text in at_most]
    with quiet():
        opened = load_run(run, storage)
        choice = opened.choose(how, limits=limits)
        text = opened.export(choice)
    if file is None:
        click.echo(one_line(choice.reason), err=True)
        click.echo(same_bytes(text), nl=False)
        return 0
    if verify:  # what is not there is said before anything is written
        mergekit_for(parse_recipe(text), mergekit)
    other = write_export(text, file)
    click.echo(one_line(choice.reason))
    if parse_recipe(text).block.task_vectors:
        note(NOTE)
    click.echo(wrote(file, other=other))
    if not verify:
        return 0
    from optimerge.cli.verifying import verify_export

    return verify_export(
        opened,
        choice,
        file,
        mergekit,
        device=chosen_device(device),
        allow_code=allow_code,
        trust_code=trust_code,
    )
