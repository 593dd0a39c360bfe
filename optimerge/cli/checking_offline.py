"""What `optimerge check --offline` prints: no network, no model files, no torch."""

from collections.abc import Iterator

import click

from optimerge.cli.checking_lines import dimension_lines, objective_line, search_line, task_text
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import count
from optimerge.merge.free import size
from optimerge.objectives.outline import Outlined
from optimerge.search.layers import candidate_layers
from optimerge.search.offline.check import Offline, check_offline
from optimerge.search.offline.sizes import Size
from optimerge.search.offline.work import DEVICE, DOCUMENT, planned_trials, without_items
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objective_kinds.function import FunctionObjective
from optimerge.space.objective_kinds.length import LengthObjective
from optimerge.space.objective_kinds.parameters import ParametersObjective
from optimerge.space.objective_kinds.perplexity import PerplexityObjective
from optimerge.space.objectives import ObjectiveSpec, TaskObjective, objective_name
from optimerge.space.space import SearchSpace

UNSEEN = (
    "whether the models can be had, are fine-tunes of the base and fit together; the memory there "
    "is; the tasks' documents"
)


def print_offline_check(space: SearchSpace, *, allow_code: bool = False) -> None:
    """Print what a space says, and estimates of what it takes; OptimergeError for a fault."""
    with quiet(studies=False):
        found = check_offline(space, allow_code=allow_code)
    for line in _lines(space, found):
        click.echo(line)


def _lines(space: SearchSpace, found: Offline) -> Iterator[str]:
    yield f"models: {_who(space, found)}"
    more = "; more once the models' layers are known" if space.open_ranges else ""
    yield f"methods: {', '.join(space.methods)}; {len(space.dimensions)} dimensions{more}"
    yield from dimension_lines(space)
    if space.places:
        least, most = candidate_layers(space)
        yield f"layers: {least} to {most} in a candidate"
    for spec in space.measured:
        yield objective_line(spec, space, _measured(spec, space, found))
    yield search_line(space, found.sampler)
    yield f"memory, estimated: {_memory(found)}"
    yield f"time, estimated: {_time(space, found)}"
    yield f"not looked at: {UNSEEN}{_more_unseen(space, found)}"


def _who(space: SearchSpace, found: Offline) -> str:
    sizes = [f"{found.names[r]} ({_size(each)})" for r, each in found.sizes.items()]
    if not space.any_recipe.base_model:
        return f"{', '.join(sizes)}; no base: config and tokenizer are those of the first"
    base, *experts = sizes
    return f"base {base} and {len(experts)} expert{'s' * (len(experts) != 1)}: {', '.join(experts)}"


def _size(each: Size) -> str:
    adapter = "a LoRA adapter on " if each.adapter else ""
    if each.here and each.parameters is not None:
        return f"{adapter}{count(each.parameters)} parameters, {each.dtype}, on this machine"
    known = "unknown size" if each.parameters is None else f"{count(each.parameters)} by its name"
    return f"{adapter}{known}{each.near}"


def _measured(spec: ObjectiveSpec, space: SearchSpace, found: Offline) -> str:
    if isinstance(spec, TaskObjective):
        return _task(spec, found.tasks[objective_name(spec)], searched=spec in space.objectives)
    if isinstance(spec, PerplexityObjective):
        return f"minimize {spec.per} perplexity of {spec.perplexity}"
    if isinstance(spec, DriftObjective):
        return f"minimize mean KL({spec.to} || candidate) on {spec.drift}"
    if isinstance(spec, LengthObjective):
        most = f"at most {spec.max_new_tokens} new tokens each"
        return f"{spec.direction} mean answer length on {spec.length}, {most}"
    if isinstance(spec, ParametersObjective):
        return "minimize the number of parameters"
    if isinstance(spec, FunctionObjective):
        return f"{spec.direction} {spec.function}(model, tokenizer); needs --allow-code"
    return ""


def _task(spec: TaskObjective, outline: Outlined, *, searched: bool) -> str:
    metric = outline.metric
    said = f"{metric.direction} {metric}" if metric else f"{spec.metric or 'its first metric'}"
    items = [
        f"{'all' if asked is None else asked} {name} items"
        for name, asked, wanted in (
            ("search", spec.search_items, searched),
            ("test", spec.test_items, not searched or spec.test_items is not None),
        )
        if wanted
    ]
    tasks = len(outline.tasks) if outline.is_group else None
    return task_text(spec, said, tasks, outline.num_fewshot, f"{' and '.join(items)} asked for")


def _memory(found: Offline) -> str:
    if found.memory is None:
        unknown = [r for r, each in found.sizes.items() if each.parameters is None]
        return f"unknown: neither the name nor a folder here gives the size of {unknown[0]}"
    return (
        f"about {size(found.memory.beside)} of weights with base and experts beside the resident "
        f"model, about {size(found.memory.resident)} on the device with them in main memory or on "
        "disk (--memory); tables and scoring come on top"
    )


def _time(space: SearchSpace, found: Offline) -> str:
    if found.seconds is None:
        if found.memory is None:
            return "unknown, as the models' size is"
        return f"unknown: {without_items(space)[0]} names no search_items"
    trials = planned_trials(space)
    whole = f", {rough(found.seconds * trials)} for {trials} trials" if trials else ""
    return (
        f"{rough(found.seconds)} a candidate{whole}, on {DEVICE}: from data sheets and {DOCUMENT} "
        "tokens a document, nothing of it measured; racing not counted"
    )


def rough(seconds: float) -> str:
    """Return a time that is known roughly.

    >>> rough(0.2), rough(17.3), rough(1718), rough(6600)
    ('under a second', 'about 17 s', 'about 29 min', 'about 1.8 h')
    """
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def _more_unseen(space: SearchSpace, found: Offline) -> str:
    more = ""
    if any(isinstance(spec, FunctionObjective) for spec in space.measured):
        more += "; the objectives' functions"
    if found.starts_unread:
        more += "; whether the recipes to start from are points of the space"
    if any(outline.metric is None for outline in found.tasks.values()):
        more += "; metrics of tasks that are Python"
    return more
