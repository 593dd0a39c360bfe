"""`optimerge build`: a recipe to a checkpoint."""

from pathlib import Path

import click

from optimerge.cli.options import DEVICE, chosen_device


@click.command("build")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0), help="Seed of random masks; default: the recipe's.")
@click.option(
    "--exact", is_flag=True, help="Merge as mergekit does with --random-seed, bit for bit; slower."
)
@click.option(
    "--allow-nan", is_flag=True, help="Merge models that hold NaN or infinite weights too."
)
@DEVICE
def command(
    recipe: Path, out: Path, seed: int | None, exact: bool, allow_nan: bool, device: str
) -> None:
    """Build a recipe to a Hugging Face checkpoint in OUT, which must not exist yet.

    Takes any mergekit recipe of the supported methods (`optimerge methods`). Model paths are
    relative to the recipe's file or, if not there, to the current folder. A recipe that
    `optimerge export` wrote gives the very tensors that were scored.

    OUT appears when all is in it; until then the model is in .OUT.partial beside it. A build that
    was killed or stopped, or that filled the disk, goes on from there when the same command is
    given again.

    \b
    Examples:
      optimerge build runs/mine/recipe.yaml merged/
      optimerge build mergekit-recipe.yml merged/ --exact --seed 42
    """
    from rich.progress import Progress

    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import count, err
    from optimerge.export.build import build

    console = err()
    with (
        quiet(studies=False),
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("merging", total=None)
        try:
            built = build(
                recipe,
                out,
                device=chosen_device(device),
                seed=seed,
                mode="exact" if exact else None,
                allow_nan=allow_nan,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                remark=lambda text: console.print(f"note: {text}", markup=False, soft_wrap=True),
            )
        except KeyboardInterrupt:
            console.print("stopped: the same command goes on where this one was")
            raise
    for note in built.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(
        f"wrote {built.directory}: {built.tensors} tensors, {count(built.parameters)} "
        f"parameters ({built.mode} mode, seed {built.seed})"
    )
