"""`optimerge build`: a recipe to a checkpoint."""

from pathlib import Path

import click

from optimerge.cli import completing
from optimerge.cli.options import DEVICE, chosen_device
from optimerge.cli.run_argument import RunArgument


@click.command("build")
@click.argument("recipe", type=click.Path(path_type=Path), shell_complete=completing.recipes)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0), help="Seed of random masks. Default: the recipe's.")
@click.option(
    "--exact", is_flag=True, help="Merge as mergekit does with --random-seed, bit for bit; slower."
)
@click.option(
    "--allow-nan", is_flag=True, help="Merge models that hold NaN or infinite weights too."
)
@click.option("--no-card", is_flag=True, help="Write no model card (README.md).")
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=completing.runs,
    type=RunArgument(),
    help="The run that the card shows the front and the scores of. Default: the run that the "
    "recipe names, if it is the recipe's folder or runs/NAME.",
)
@click.option(
    "--push-to-hub",
    "push",
    metavar="ORG/NAME",
    help="Upload the checkpoint to the Hugging Face Hub, with the token of $HF_TOKEN or "
    "`hf auth login`. Private, unless --public. Default: no upload.",
)
@click.option("--public", is_flag=True, help="With --push-to-hub: let everybody see it.")
@DEVICE
def command(
    recipe: Path,
    out: Path,
    seed: int | None,
    exact: bool,
    allow_nan: bool,
    no_card: bool,
    run: Path | None,
    push: str | None,
    public: bool,
    device: str,
) -> None:
    """Build a recipe to a Hugging Face checkpoint in OUT.

    OUT must not exist yet. Takes any mergekit recipe of the supported methods (`optimerge
    methods`). Model paths are relative to the recipe's file or, if not there, to the current
    folder. A recipe that `optimerge export` wrote gives the very tensors that were scored.

    OUT appears when all is in it; until then the model is in .OUT.partial beside it. A build that
    was killed or stopped, or that filled the disk, goes on from there when the same command is
    given again.

    With the weights come config, tokenizer, chat template, generation config, and a model card:
    parents, licence, scores, the front, the recipe, how to make it again. It names local models by
    the last part of their path. For a GGUF file give OUT to llama.cpp's convert_hf_to_gguf.py.

    An upload that was stopped goes on with the same command, which does not merge again.

    \b
    Examples:
      optimerge build runs/mine/recipe.yaml merged/
      optimerge build runs/mine/recipe.yaml merged/ --push-to-hub my-org/merged
      optimerge build mergekit-recipe.yml merged/ --exact --seed 42
    """
    from optimerge.cli.building import Asked, run_build
    from optimerge.errors import OptimergeError

    if public and push is None:
        raise OptimergeError("--public belongs to --push-to-hub ORG/NAME; give it too")
    asked = Asked(seed, exact=exact, allow_nan=allow_nan, card=not no_card, run=run)
    run_build(recipe, out, asked, chosen_device(device), push, public=public)
