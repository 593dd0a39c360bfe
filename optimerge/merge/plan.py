"""Resolves a recipe to one set of numbers a tensor, as mergekit 0.1.5 does.

Order of look-up, first that has a value: source, slice, module, recipe, default. Filters of
per-input parameters match the input's tensor name, those of shared ones the output's.
A gradient runs along the layers of its slice; embeddings, final norm and lm_head lie at its start.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from optimerge.checkpoint.architecture import (
    is_embedding,
    is_head,
    is_token_embedding,
    layer_of,
    with_layer,
)
from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import CheckpointError, RecipeError
from optimerge.methods.protocol import MergeMethod, Number, Parameter, Required
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Module, Parameters, Recipe, Slice, SliceSource
from optimerge.recipe.values import Scalar, along, as_kind, coerce


@dataclass(frozen=True)
class InputTensor:
    """One tensor of one model, with its per-input numbers."""

    model: str
    """The model's reference as the recipe gives it."""
    tensor: str
    numbers: Mapping[str, Number]


@dataclass(frozen=True)
class TensorPlan:
    """How one output tensor is made."""

    name: str
    method: str
    base: InputTensor | None
    """The base tensor; None for methods that treat the base as one more input, or have none."""
    inputs: tuple[InputTensor, ...]
    shared: Mapping[str, Number]
    depth: float = 0.0
    """Where its layer lies in the merged model: 0 first, 1 last; 0 outside the layers."""
    base_model: str | None = None
    """The base model of its slice, also where the method treats it as one more input."""

    @property
    def sources(self) -> tuple[InputTensor, ...]:
        """All tensors read: the base first."""
        return (self.base, *self.inputs) if self.base else self.inputs


@dataclass(frozen=True)
class MergePlan:
    """How every output tensor is made, in the order in which mergekit draws its masks."""

    tensors: tuple[TensorPlan, ...]
    layers: int
    dtype: str | None
    """Math dtype; None: the inputs' own, promoted."""
    out_dtype: str | None
    """Dtype of the output; None: the math dtype."""
    in_steps: bool = False
    """Whether experts are taken as int8 steps from the base: see `optimerge.merge.int8_steps`."""


@dataclass(frozen=True)
class _Group:
    """One slice with all that its look-ups need."""

    sources: tuple[SliceSource, ...]
    base: str | None
    levels: tuple[Parameters, ...]
    """Parameters of the slice, its module and the recipe."""


def make_plan(recipe: Recipe, checkpoints: Mapping[str, Checkpoint]) -> MergePlan:
    """Return the plan of a checked recipe; `checkpoints` by reference as the recipe gives it."""
    method = method_named(recipe.merge_method)
    groups = _groups(recipe, method, checkpoints)
    plans = [*_outer(groups[0], method, checkpoints, first=True)]
    offset = 0
    for group in groups:
        plans += _layers(group, offset, method, checkpoints)
        offset += group.sources[0].length
    plans += _outer(_like_first(groups, method), method, checkpoints, first=False)
    plans.sort(key=lambda plan: max(source.tensor for source in plan.sources))
    return MergePlan(
        tensors=tuple(replace(plan, depth=_depth(plan.name, offset)) for plan in plans),
        layers=offset,
        dtype=recipe.dtype,
        out_dtype=recipe.out_dtype or recipe.dtype,
        in_steps=recipe.block.task_vectors == "int8",
    )


def _depth(name: str, layers: int) -> float:
    layer = layer_of(name)
    return 0.0 if layer is None else along(layer, layers)


def _groups(
    recipe: Recipe, method: MergeMethod, checkpoints: Mapping[str, Checkpoint]
) -> list[_Group]:
    body: Module = recipe
    levels: tuple[Parameters, ...] = (recipe.parameters,)
    if recipe.modules:
        if list(recipe.modules) != ["default"]:
            raise RecipeError(f"modules: {sorted(recipe.modules)}: a decoder has only 'default'")
        body = recipe.modules["default"]
        levels = (body.parameters, recipe.parameters)
    if body.slices is None:
        return [_group(_whole(body, recipe, checkpoints), recipe, True, levels, checkpoints)]
    joins = method.base != "ignored"
    return [_group(part, recipe, joins, levels, checkpoints) for part in body.slices]


def _whole(body: Module, recipe: Recipe, checkpoints: Mapping[str, Checkpoint]) -> Slice:
    models = body.models or []
    layers = checkpoints[models[0].model].layers
    for model in models:
        if checkpoints[model.model].layers != layers:
            raise CheckpointError(
                f"{model.model!r} has {checkpoints[model.model].layers} layers and "
                f"{models[0].model!r} has {layers}; merge them by slices"
            )
    sources = [
        SliceSource(model=m.model, layer_range=(0, layers), parameters=m.parameters) for m in models
    ]
    return Slice(sources=sources)


def _group(
    part: Slice,
    recipe: Recipe,
    joins: bool,
    levels: tuple[Parameters, ...],
    checkpoints: Mapping[str, Checkpoint],
) -> _Group:
    """Return a slice as a group; the base, if it `joins`, as last source unless it is listed."""
    base = part.base_model or recipe.base_model
    sources = list(part.sources)
    for source in sources:
        if source.layer_range[1] > checkpoints[source.model].layers:
            raise RecipeError(
                f"layer_range {list(source.layer_range)} goes past the "
                f"{checkpoints[source.model].layers} layers of {source.model!r}"
            )
    if joins and base and base not in [source.model for source in sources]:
        sources.append(SliceSource(model=base, layer_range=_base_range(sources, base)))
    return _Group(tuple(sources), base, (part.parameters, *levels))


def _like_first(groups: Sequence[_Group], method: MergeMethod) -> _Group:
    """Return the last group with no more sources than the first, for final norm and head.

    So mergekit plans them: it counts the first slice's sources, and leaves out the last slice's
    beyond that. Where that would leave out the base it stops; there all sources are merged.
    """
    first, last = groups[0], groups[-1]
    kept = last.sources[: len(first.sources)]
    left_out = [source.model for source in last.sources[len(kept) :]]
    if method.base != "ignored" and last.base in left_out:
        return last
    return replace(last, sources=kept)


def _base_range(sources: Sequence[SliceSource], base: str) -> tuple[int, int]:
    ranges = {source.layer_range for source in sources}
    if len(ranges) > 1:
        raise RecipeError(
            f"the sources of a slice take different layers, so list the base model {base!r} "
            "among them with the layers it gives"
        )
    return ranges.pop()


def _layers(
    group: _Group, offset: int, method: MergeMethod, checkpoints: Mapping[str, Checkpoint]
) -> Iterator[TensorPlan]:
    length = group.sources[0].length
    names = {s.model: _names_by_layer(checkpoints[s.model]) for s in group.sources}
    for index in range(length):
        layers = [source.layer_range[0] + index for source in group.sources]
        found = [
            with_layer(name, offset + index)
            for source, layer in zip(group.sources, layers, strict=True)
            for name in names[source.model].get(layer, [])
        ]
        for name in dict.fromkeys(found):
            tensors = [with_layer(name, layer) for layer in layers]
            yield _tensor(group, name, tensors, along(index, length), method)


def _names_by_layer(checkpoint: Checkpoint) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {}
    for name in checkpoint.merged:
        found.setdefault(layer_of(name), []).append(name)
    return found


def _outer(
    group: _Group, method: MergeMethod, checkpoints: Mapping[str, Checkpoint], *, first: bool
) -> Iterator[TensorPlan]:
    """Yield the tensors outside the layers: embeddings (first), final norm and head (last)."""
    models = [checkpoints[source.model] for source in group.sources]
    found = [name for model in models for name in _names_by_layer(model).get(None, [])]
    for name in dict.fromkeys(found):
        if is_embedding(name) == first:
            read = [_stored(name, model) for model in models]
            yield _tensor(group, name, [name] * len(models), 0.0, method, read)


def _stored(name: str, model: Checkpoint) -> str:
    """Return the name under which a model holds a tensor: its head may be its embedding."""
    if name in model.merged or not is_head(name) or not model.tied:
        return name
    return next(filter(is_token_embedding, model.merged), name)


def _tensor(
    group: _Group,
    name: str,
    tensors: Sequence[str],
    place: float,
    method: MergeMethod,
    stored: Sequence[str] | None = None,
) -> TensorPlan:
    """Return the plan of a tensor, `place` along its slice's layers: where gradients are read.

    `stored`: what is read, where that has another name.
    """
    base: InputTensor | None = None
    inputs = []
    for source, tensor, read in zip(group.sources, tensors, stored or tensors, strict=True):
        if source.model == group.base and method.base != "ignored":
            base = InputTensor(source.model, read, {})
            continue
        levels = (source.parameters, *group.levels)
        where = f"{source.model}: {tensor}"
        numbers = {p.name: _number(p, levels, tensor, place, where) for p in method.per_input}
        inputs.append(InputTensor(source.model, read, numbers))
    shared = {p.name: _number(p, group.levels, name, place, name) for p in method.shared}
    problem = method.refuse([i.numbers for i in inputs], shared) if method.refuse else None
    if problem:
        raise RecipeError(f"{name}: {method.name}: {problem}")
    return TensorPlan(name, method.name, base, tuple(inputs), shared, base_model=group.base)


def _number(
    parameter: Parameter, levels: Sequence[Parameters], tensor: str, place: float, where: str
) -> Number:
    def read(given: Scalar) -> Scalar:
        return as_kind(given, parameter, where)

    for level in levels:
        value = level.get(parameter.name)
        found = value.at(tensor, place, read) if value is not None else None
        if found is not None:
            return coerce(found, parameter, where)
    if isinstance(parameter.default, Required):
        raise RecipeError(
            f"{where}: {parameter.name} has no value; give one under the model's parameters, "
            "and after a list of filters one without a filter for the rest"
        )
    return parameter.default
