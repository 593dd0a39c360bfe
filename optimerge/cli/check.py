"""`optimerge check`: would this search run?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimerge.cli.options import SPACE

if TYPE_CHECKING:
    from optimerge.space.space import SearchSpace


@click.command("check")
@SPACE
def command(space: Path) -> None:
    """Check a search space: models fit together, dimensions, memory, tasks. Loads no weights.

    Reads configs and safetensors headers, and looks the tasks up.

    \b
    Example:
      optimerge check search_spaces/mine.yaml
    """
    from optimerge.space.read import read_space

    print_check(read_space(space))


def print_check(space: "SearchSpace") -> None:
    """Print what a search of the space would work on; OptimergeError if it would not."""
    from optimerge.checkpoint.differences import differences
    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import size
    from optimerge.objectives.tasks import check_tasks
    from optimerge.search.memory import available, needed
    from optimerge.search.models import open_models
    from optimerge.search.samplers.registry import sampler_named
    from optimerge.space.objectives import TaskObjective

    sampler_named(space.search.sampler)
    models = open_models(space)
    base = models.base
    click.echo(
        f"models: base {base.reference} and {len(models.checkpoints) - 1} experts "
        f"({', '.join(models.names[c.reference] for c in models.checkpoints[1:])}); "
        f"{base.architecture}, {base.layers} layers, {len(base.tensors)} tensors, "
        f"{base.parameters / 1e6:.1f} million parameters, {base.dtype}: they fit together"
    )
    for note in differences(models.checkpoints):
        click.echo(f"note: {note}")
    click.echo(f"methods: {', '.join(space.methods)}; {len(space.dimensions)} dimensions")
    for dimension in space.dimensions:
        only = (
            ""
            if len(dimension.methods) in (0, len(space.methods))
            else (f"  ({', '.join(sorted(dimension.methods))} only)")
        )
        click.echo(f"  {dimension.name}: {dimension.text}{only}")
    want, have = needed(models), available()
    enough = "enough" if want < have else "NOT ENOUGH: take fewer experts or a larger machine"
    click.echo(f"memory: about {size(want)} before scoring, {size(have)} there ({enough})")
    specs = [spec for spec in space.objectives if isinstance(spec, TaskObjective)]
    with quiet(scoring=True):
        tasks = check_tasks(specs, space.include_path)
    for name, about in tasks.items():
        click.echo(f"task {name}: {about}")
    others = [n for n in space.objective_names if n not in tasks]
    click.echo(f"objectives: {', '.join(space.objective_names)}" if others else "")
    goal = f"{space.search.trials} trials" if space.search.trials else "200 trials"
    click.echo(f"search: {space.search.sampler}, {goal}, seed {space.search.seed}")
