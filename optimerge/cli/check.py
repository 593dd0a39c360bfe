"""`optimerge check`: would this search run?"""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimerge.cli.options import ALLOW_CODE, DEVICE, SPACE, STRICT, TRUST_CODE, chosen_device

if TYPE_CHECKING:
    from optimerge.objectives.tasks import TaskFacts
    from optimerge.space.space import SearchSpace


MEANING = {
    "nonzero": "the share of parameters that differ from the base",
    "l1": "the sum of |merged - base|",
    "l2": "the root of the sum of (merged - base) squared",
}


@click.command("check")
@SPACE
@STRICT
@ALLOW_CODE
@TRUST_CODE
@DEVICE
def command(space: Path, strict: bool, allow_code: bool, trust_code: bool, device: str) -> None:
    """Check a search space: models fit together, dimensions, memory, tasks. Loads no weights.

    Reads configs and safetensors headers, and looks the tasks up. Only `layer_groups: auto` makes
    it read the weights, once.

    \b
    Example:
      optimerge check search_spaces/mine.yaml
    """
    from optimerge.space.read import read_space
    from optimerge.space.settings import overridden

    wanted = overridden(read_space(space), strict=strict)
    print_check(wanted, device, allow_code=allow_code, trust_code=trust_code)


def print_check(
    space: "SearchSpace", device: str, *, allow_code: bool = False, trust_code: bool = False
) -> None:
    """Print what a search of the space would work on; OptimergeError if it would not."""
    from optimerge.checkpoint.code import trusted_code
    from optimerge.checkpoint.differences import differences
    from optimerge.checkpoint.fit import first_few
    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import count
    from optimerge.merge.depth import check_depths
    from optimerge.merge.resident import check_in_place
    from optimerge.objectives.tasks import check_tasks
    from optimerge.search.budget import DEFAULT_TRIALS
    from optimerge.search.check_objectives import check_others
    from optimerge.search.layers import candidate_layers
    from optimerge.search.models import open_models
    from optimerge.search.samplers.chosen import chosen_sampler
    from optimerge.search.tiers_shared import choose_tiers
    from optimerge.space.layer_groups import layers_label
    from optimerge.space.objectives import SparsityObjective, TaskObjective, objective_name

    sampler = chosen_sampler(space, allow_code=allow_code).name
    models = open_models(space, trust_code=trust_code)
    if trust_code:
        click.echo(f"note: {trusted_code(c.path for c in models.checkpoints)}")
    space = models.space
    base = models.base
    names = ", ".join(models.names[c.reference] for c in models.checkpoints[models.has_base :])
    who = (
        f"base {base.reference} and {len(models.checkpoints) - 1} experts ({names})"
        if models.has_base
        else f"{names} (no base: config and tokenizer are those of {base.reference})"
    )
    click.echo(
        f"models: {who}; {base.architecture}, {base.layers} layers, {len(base.tensors)} tensors, "
        f"{count(base.parameters)} parameters, {base.dtype}: they fit together"
    )
    with quiet(scoring=True):
        check_in_place(base, models.vocabulary)
        if models.layers:
            check_depths(base, *models.layers)
    if base.copied:
        click.echo(
            f"note: {len(base.copied)} tensors of {base.reference} are copied, not merged: "
            f"{first_few(base.copied)}"
        )
    if words := models.vocabulary:
        click.echo(
            f"tokenizer: {words.wanted.source}, {len(words.tokenizer.ids)} tokens, "
            f"{words.rows} embedding rows"
        )
    for note in (*models.notes, *differences(models.checkpoints)):
        click.echo(f"note: {note}")
    if rounding := models.rounding:
        held = [rounding.applies(c, n) for c in models.checkpoints[1:] for n in c.merged]
        click.echo(
            f"task vectors: int8 for {sum(held)} of the experts' {len(held)} tensors; the others, "
            "the base and the parents' scores keep full weights"
        )
    click.echo(f"methods: {', '.join(space.methods)}; {len(space.dimensions)} dimensions")
    for asked, edges in models.layer_groups.items():
        groups = ", ".join(layers_label(*pair) for pair in pairwise(edges))
        many = "" if asked == "auto" else f" {asked}"
        click.echo(f"layer groups, auto{many}, by how much the experts changed: {groups}")
    for dimension in space.dimensions:
        only = (
            ""
            if len(dimension.methods) in (0, len(space.methods))
            else (f"  ({', '.join(sorted(dimension.methods))} only)")
        )
        click.echo(f"  {dimension.name}: {dimension.text}{only}")
    if models.layers:
        least, most = candidate_layers(space)
        click.echo(f"layers: {least} to {most} in a candidate, {base.layers} in {base.reference}")
    where = chosen_device(device, space.search.device_map)
    click.echo(f"memory: {choose_tiers(models, space, where).text(where)}")
    specs = [spec for spec in space.objectives if isinstance(spec, TaskObjective)]
    report = [spec for spec in space.report if isinstance(spec, TaskObjective)]
    with quiet(scoring=True):
        tasks = check_tasks(
            specs,
            space.include_path,
            space.search.seed,
            allow_code=allow_code,
            strict=space.search.strict,
            report=report,
        )
        others = check_others(space, models, allow_code=allow_code)
    for spec in space.measured:
        name = objective_name(spec)
        if isinstance(spec, TaskObjective):
            text = _task_text(tasks[name], searched=spec in space.objectives)
        elif isinstance(spec, SparsityObjective):
            text = f"minimize {MEANING[spec.sparsity]}"
        else:
            text = others[name]
        limits = "".join(f"; {b.kind.replace('_', ' ')} {b.limit:g}" for b in spec.bounds(name))
        kind = "objective" if spec in space.objectives else "report"
        click.echo(f"{kind} {name}: {text}{limits}{'' if spec.optimize else '; not optimised'}")
        for note in tasks[name].notes if name in tasks else ():
            click.echo(f"note: {note}")
    settings = space.search
    ends = [f"{settings.trials} trials"] if settings.trials else []
    ends += [f"{settings.hours:g} hours"] if settings.hours else []
    ends += [f"until {settings.until}"] if settings.until else []
    goal = " or ".join(ends) or f"{DEFAULT_TRIALS} trials"
    racing = space.search.racing
    raced = f"racing at confidence {racing.confidence:g}" if racing else "no racing"
    click.echo(f"search: {sampler}, {goal}, seed {space.search.seed}, {raced}")


def _task_text(facts: "TaskFacts", *, searched: bool) -> str:
    count = len(facts.tasks)
    what = f"group {facts.task} ({count} tasks)" if facts.tasks else f"task {facts.task}"
    return (
        f"{facts.direction} {facts.metric} of {what}, {facts.num_fewshot}-shot; "
        f"{f'{len(facts.items.search)} search items and ' if searched else ''}"
        f"{len(facts.items.test)} test items of {facts.documents}"
    )
