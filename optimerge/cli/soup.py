"""`optimerge soup`: a greedy soup of the experts."""

from pathlib import Path

import click

from optimerge.cli import completing
from optimerge.cli.options import (
    ALLOW_CODE,
    ARTIFACTS,
    DEVICE,
    SPACE,
    STORAGE,
    TRUST_CODE,
    chosen_device,
)
from optimerge.cli.run_argument import RunArgument


@click.command("soup")
@SPACE
@click.option(
    "--run-dir",
    type=RunArgument(),
    shell_complete=completing.runs,
    help="Run folder, which may hold a search of this space. Default: runs/NAME for NAME.yaml.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. Default: RUN/soup.yaml.",
)
@STORAGE
@ARTIFACTS
@ALLOW_CODE
@TRUST_CODE
@DEVICE
def command(
    space: Path,
    run_dir: Path | None,
    output: Path | None,
    storage: str,
    artifacts: str,
    allow_code: bool,
    trust_code: bool,
    device: str,
) -> None:
    """Average the experts greedily: the baseline to beat.

    The best expert starts; each other one, best first, joins the uniform average if the mean
    search score of the space's tasks does not fall (Wortsman et al. 2022, recipe 1). Takes one
    score of each expert and one more of each soup; a run's scores are used again, and kept for
    its search. The uniform soup of all experts is merge_method linear with equal weights.

    \b
    Examples:
      optimerge soup search_spaces/mine.yaml
      optimerge soup search_spaces/mine.yaml --run-dir runs/mine -o soup.yaml
    """
    from optimerge.cli.souping import run_soup
    from optimerge.space.read import read_space

    folder = run_dir or Path("runs") / space.stem
    asked = read_space(space)
    code = run_soup(
        asked,
        folder,
        output,
        chosen_device(device, asked.search.device_map),
        allow_code=allow_code,
        trust_code=trust_code,
        storage=storage,
        artifacts=artifacts,
    )
    raise click.exceptions.Exit(code)
