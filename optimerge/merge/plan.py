"""Resolves a recipe to one set of numbers a tensor, as mergekit 0.1.5 does.

Order of look-up, first that has a value: source, slice, module, recipe, default. Filters of
per-input parameters match the input's tensor name, those of shared ones the output's.
A gradient runs over the layers of its slice; embeddings, final norm and lm_head lie at depth 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from optimerge.checkpoint.architecture import is_embedding, layer_of, with_layer
from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import CheckpointError, RecipeError
from optimerge.methods.protocol import MergeMethod, Number, Parameter, Required
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Module, Parameters, Recipe, Slice, SliceSource
from optimerge.recipe.values import coerce


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
    """Whether experts are taken as int8 steps from the base: see `optimerge.merge.rounded`."""


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
    plans += _outer(groups[-1], method, checkpoints, first=False)
    plans.sort(key=lambda plan: (max(source.tensor for source in plan.sources), plan.name))
    return MergePlan(
        tensors=tuple(replace(plan, depth=_depth(plan.name, offset)) for plan in plans),
        layers=offset,
        dtype=recipe.dtype,
        out_dtype=recipe.out_dtype or recipe.dtype,
        in_steps=recipe.block.task_vectors == "int8",
    )


def _depth(name: str, layers: int) -> float:
    layer = layer_of(name)
    if layer is None:
        return 0.0
    return layer / (layers - 1) if layers > 1 else 1.0


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
    slices = body.slices or [_whole(body, recipe, checkpoints)]
    return [_group(part, recipe, method, levels, checkpoints) for part in slices]


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
    method: MergeMethod,
    levels: tuple[Parameters, ...],
    checkpoints: Mapping[str, Checkpoint],
) -> _Group:
    base = part.base_model or recipe.base_model
    sources = list(part.sources)
    for source in sources:
        if source.layer_range[1] > checkpoints[source.model].layers:
            raise RecipeError(
                f"layer_range {list(source.layer_range)} goes past the "
                f"{checkpoints[source.model].layers} layers of {source.model!r}"
            )
    if base and base not in [source.model for source in sources]:
        sources.append(SliceSource(model=base, layer_range=_base_range(sources, base)))
    return _Group(tuple(sources), base, (part.parameters, *levels))


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
    first = group.sources[0]
    names = _names_by_layer(checkpoints[first.model])
    for index in range(first.length):
        depth = index / (first.length - 1) if first.length > 1 else 1.0
        for name in names.get(first.layer_range[0] + index, []):
            tensors = [with_layer(name, s.layer_range[0] + index) for s in group.sources]
            yield _tensor(group, with_layer(name, offset + index), tensors, depth, method)


def _names_by_layer(checkpoint: Checkpoint) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {}
    for name in checkpoint.merged:
        found.setdefault(layer_of(name), []).append(name)
    return found


def _outer(
    group: _Group, method: MergeMethod, checkpoints: Mapping[str, Checkpoint], *, first: bool
) -> Iterator[TensorPlan]:
    """Yield the tensors outside the layers: embeddings (first), final norm and head (last)."""
    for name in _names_by_layer(checkpoints[group.sources[0].model]).get(None, []):
        if is_embedding(name) == first:
            yield _tensor(group, name, [name] * len(group.sources), 0.0, method)


def _tensor(
    group: _Group, name: str, tensors: Sequence[str], depth: float, method: MergeMethod
) -> TensorPlan:
    base: InputTensor | None = None
    inputs = []
    for source, tensor in zip(group.sources, tensors, strict=True):
        if source.model == group.base and method.base != "ignored":
            base = InputTensor(source.model, tensor, {})
            continue
        levels = (source.parameters, *group.levels)
        where = f"{source.model}: {tensor}"
        numbers = {p.name: _number(p, levels, tensor, depth, where) for p in method.per_input}
        inputs.append(InputTensor(source.model, tensor, numbers))
    shared = {p.name: _number(p, group.levels, name, depth, name) for p in method.shared}
    problem = method.refuse([i.numbers for i in inputs], shared) if method.refuse else None
    if problem:
        raise RecipeError(f"{name}: {method.name}: {problem}")
    return TensorPlan(name, method.name, base, tuple(inputs), shared, base_model=group.base)


def _number(
    parameter: Parameter, levels: Sequence[Parameters], tensor: str, depth: float, where: str
) -> Number:
    for level in levels:
        value = level.get(parameter.name)
        found = value.at(tensor, depth) if value is not None else None
        if found is not None:
            return coerce(found, parameter, where)
    if isinstance(parameter.default, Required):
        raise RecipeError(
            f"{where}: {parameter.name} has no value; give one under the model's parameters, "
            "and after a list of filters one without a filter for the rest"
        )
    return parameter.default
