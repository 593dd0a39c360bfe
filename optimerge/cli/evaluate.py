"""`optimerge evaluate`: the scores of one checkpoint or recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from optimerge.cli import completing
from optimerge.cli.options import ALLOW_CODE, DEVICE, STORAGE, TRUST_CODE, chosen_device
from optimerge.cli.run_argument import RunArgument
from optimerge.cli.streams import same_bytes

if TYPE_CHECKING:
    from optimerge.retest.score_one import Scored, Which


@click.command("evaluate")
@click.argument("model", metavar="MODEL|RECIPE", shell_complete=completing.recipes)
@click.option(
    "--space",
    type=click.Path(path_type=Path, dir_okay=False),
    shell_complete=completing.spaces,
    help="Search space whose objectives to score. Default: that of --run.",
)
@click.option(
    "--run",
    "run_folder",
    metavar="RUN",
    shell_complete=completing.runs,
    type=RunArgument(),
    help="Score what this run scores, in its batches. Default: the run that the recipe names, or "
    "that OUT was built from, if it is the recipe's folder or runs/NAME.",
)
@click.option(
    "--items",
    type=click.Choice(["search", "test"]),
    default="search",
    show_default=True,
    help="Documents that the search looked at, or those kept for the test.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "md"]),
    help="table for the screen, md for a page, the others for programs. Default: what the ending "
    "of -o says, or table.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. Default: the screen.",
)
@STORAGE
@ALLOW_CODE
@TRUST_CODE
@DEVICE
def command(
    model: str,
    space: Path | None,
    run_folder: Path | None,
    items: str,
    form: str | None,
    output: Path | None,
    storage: str,
    allow_code: bool,
    trust_code: bool,
    device: str,
) -> None:
    """Score a checkpoint or a recipe on the objectives of a space.

    MODEL is a folder, a model of the Hub, or MODEL+ADAPTER; only safetensors are loaded. A RECIPE
    (.yaml) is merged in memory. What `optimerge build` made of a trial's recipe has just the scores
    of that trial: the same documents in the same batches. Every look at the test items makes them
    worth a little less: choose by the search items.

    \b
    Examples:
      optimerge evaluate org/math-7b --space search_spaces/mine.yaml
      optimerge evaluate runs/mine/recipe.yaml
      optimerge evaluate merged/ --run runs/mine --items test -o scores.json
    """
    from optimerge.api.evaluate import evaluate
    from optimerge.api.run import load_run
    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import err, say
    from optimerge.errors import OptimergeError
    from optimerge.export.file import write_file
    from optimerge.front.formats import format_of
    from optimerge.retest.scored_formats import FORMATS
    from optimerge.space.read import read_space

    if space is not None and run_folder is not None:
        raise OptimergeError("--space and --run: give one of the two; a run has its space")
    if form is None:
        form = "table" if output is None else format_of(output)
    if form not in ("table", *FORMATS) or (form == "table" and output is not None):
        raise OptimergeError(f"--format {form}: a file is csv, json or md; give one of them")
    with quiet(scoring=True):
        found = run_folder or (_run_of(model) if space is None else None)
        if space is None and found is None:
            raise OptimergeError(
                f"{model}: nothing says what to score it on; give --space SPACE or --run RUN"
            )
        if found is not None and run_folder is None:
            err().print(f"scored as {found} does")
        scored = evaluate(
            model,
            read_space(space) if space else load_run(cast(Path, found), storage),
            items=cast("Which", items),
            device=chosen_device(device),
            allow_code=allow_code,
            trust_code=trust_code,
            say=say,
        )
    if form == "table":
        _print(scored)
        return
    content = FORMATS[form](scored)
    if output is not None:
        write_file(content.encode(), output)
        click.echo(f"wrote {output}", err=True)
    else:
        click.echo(same_bytes(content), nl=False)


def _run_of(model: str) -> Path | None:
    """Return the folder of the run that a recipe, or a built checkpoint, names; None if not there.

    It is the recipe's own folder, as `optimerge export` writes it, or runs/NAME.
    """
    from optimerge.export.finished import finished_build
    from optimerge.export.named_run import named_run
    from optimerge.recipe.read import read_recipe
    from optimerge.retest.score_one import is_recipe

    path = Path(model)
    if is_recipe(path):
        return named_run(read_recipe(path).block.run, path.parent)
    built = finished_build(path)
    return named_run(built.run) if built else None


def _print(scored: "Scored") -> None:
    from rich.text import Text

    from optimerge.cli.grid import Column, Grid
    from optimerge.cli.screen import number, out
    from optimerge.front.directions import arrow
    from optimerge.records.plain import plain

    found = list(scored.scores.values())
    arrows = [arrow(score.direction) for score in found]
    names = [f"{plain(name)} {arrow}" for name, arrow in zip(scored.scores, arrows, strict=True)]
    rows = {
        f"{scored.items} score": [number(score.value) for score in found],
        "±": [number(score.stderr) if score.stderr else "" for score in found],
        "items": [str(score.items) if score.items else "" for score in found],
    }
    columns = [Column(head, [Text(cell) for cell in cells]) for head, cells in rows.items()]
    table = Grid([Column("objective", [Text(name) for name in names], right=False), *columns])
    console = out()
    console.print(table)
    for name, why in scored.unscored.items():
        console.print(f"{plain(name)} is not scored: {plain(why)}")
