"""What `optimerge check` prints of a space with its models.

What needs torch comes last (seconds to import): the model as transformers builds it, the memory of
a device, the tasks' documents.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from optimerge.checkpoint.code import trusted_code
from optimerge.checkpoint.differences import differences
from optimerge.checkpoint.fit import first_few
from optimerge.cli.checking_lines import dimension_lines, objective_line, search_line, task_text
from optimerge.cli.options import chosen_device
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import count
from optimerge.errors import ModelNotFoundError
from optimerge.objectives.in_space import in_space
from optimerge.search.layers import candidate_layers
from optimerge.search.models import Models, open_models
from optimerge.search.offline.check import look_up_tasks
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.space.layer_groups import layers_label
from optimerge.space.objectives import TaskObjective, objective_name
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optimerge.objectives.tasks import TaskFacts


def print_check(
    space: SearchSpace, device: str, *, allow_code: bool = False, trust_code: bool = False
) -> None:
    """Print what a search of the space would work on; OptimergeError if it would not."""
    sampler = chosen_sampler(space, allow_code=allow_code).name
    models = _opened(space, trust_code=trust_code)
    for line in _model_lines(models):
        click.echo(line)
    space = models.space
    for line in _space_lines(models):
        click.echo(line)
    with quiet(studies=False):
        look_up_tasks(space, allow_code=allow_code)
    click.echo(f"memory: {_memory(models, device)}")
    for line in _objective_lines(models, allow_code=allow_code):
        click.echo(line)
    click.echo(search_line(space, sampler))


def _opened(space: SearchSpace, *, trust_code: bool) -> Models:
    try:
        return open_models(space, trust_code=trust_code)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"{error}; `optimerge check --offline {space.file}` checks the rest"
        ) from error


def _model_lines(models: Models) -> Iterator[str]:
    """Yield what the models are, and what a person should know of them."""
    base = models.base
    if any(c.trust_code for c in models.checkpoints):
        yield f"note: {trusted_code(c.path for c in models.checkpoints)}"
    yield (
        f"models: {_who(models)}; {base.architecture}, {base.layers} layers, {len(base.tensors)} "
        f"tensors, {count(base.parameters)} parameters, {base.dtype}: they fit together"
    )
    if base.copied:
        yield (
            f"note: {len(base.copied)} tensors of {base.reference} are copied, not merged: "
            f"{first_few(base.copied)}"
        )
    if words := models.vocabulary:
        yield (
            f"tokenizer: {words.wanted.source}, {len(words.tokenizer.ids)} tokens, "
            f"{words.rows} embedding rows"
        )
    for note in (*models.notes, *differences(models.checkpoints)):
        yield f"note: {note}"
    if rounding := models.rounding:
        held = [rounding.applies(c, n) for c in models.checkpoints[1:] for n in c.merged]
        yield (
            f"task vectors: int8 for {sum(held)} of the experts' {len(held)} tensors; the others, "
            "the base and the parents' scores keep full weights"
        )


def _who(models: Models) -> str:
    base = models.base.reference
    names = ", ".join(models.names[c.reference] for c in models.checkpoints[models.has_base :])
    if models.has_base:
        return f"base {base} and {len(models.checkpoints) - 1} experts ({names})"
    return f"{names} (no base: config and tokenizer are those of {base})"


def _space_lines(models: Models) -> Iterator[str]:
    """Yield what is searched."""
    space, base = models.space, models.base
    yield f"methods: {', '.join(space.methods)}; {len(space.dimensions)} dimensions"
    for asked, edges in models.layer_groups.items():
        groups = ", ".join(layers_label(*pair) for pair in pairwise(edges))
        many = "" if asked == "auto" else f" {asked}"
        yield f"layer groups, auto{many}, by how much the experts changed: {groups}"
    yield from dimension_lines(space)
    if models.layers:
        least, most = candidate_layers(space)
        yield f"layers: {least} to {most} in a candidate, {base.layers} in {base.reference}"


def _memory(models: Models, device: str) -> str:
    """Return what is kept where, once the model is seen to be one that is merged in place."""
    from optimerge.merge.layer_count import check_depths
    from optimerge.merge.resident import check_in_place
    from optimerge.search.tiers_shared import choose_tiers

    with quiet(scoring=True):
        check_in_place(models.base, models.vocabulary)
        if models.layers:
            check_depths(models.base, *models.layers)
    where = chosen_device(device, models.space.search.device_map)
    return choose_tiers(models, models.space, where).text(where)


def _objective_lines(models: Models, *, allow_code: bool) -> Iterator[str]:
    """Yield each objective, its documents loaded, with what a person should know of it."""
    from optimerge.search.check_objectives import check_others

    space = models.space
    with quiet(scoring=True), in_space(space):
        tasks = _task_facts(space, allow_code=allow_code)
        others = check_others(space, models, allow_code=allow_code)
    for spec in space.measured:
        name = objective_name(spec)
        text = others.get(name, "")
        if isinstance(spec, TaskObjective):
            text = _task_text(spec, tasks[name], searched=spec in space.objectives)
        yield objective_line(spec, space, text)
        for note in tasks[name].notes if name in tasks else ():
            yield f"note: {note}"


def _task_facts(space: SearchSpace, *, allow_code: bool) -> "Mapping[str, TaskFacts]":
    from optimerge.objectives.tasks import check_tasks

    return check_tasks(
        [spec for spec in space.objectives if isinstance(spec, TaskObjective)],
        space.include_path,
        space.search.seed,
        allow_code=allow_code,
        strict=space.search.strict,
        report=[spec for spec in space.report if isinstance(spec, TaskObjective)],
    )


def _task_text(spec: TaskObjective, facts: "TaskFacts", *, searched: bool) -> str:
    search = f"{len(facts.items.search)} search items and " if searched else ""
    items = f"{search}{len(facts.items.test)} test items of {facts.documents}"
    metric = f"{facts.direction} {facts.metric}"
    return task_text(spec, metric, len(facts.tasks) or None, facts.num_fewshot, items)
