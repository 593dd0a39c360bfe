"""What a recipe gives each layer: the numbers of every model, layer by layer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from optimerge.methods.protocol import Parameter, Required
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Module, Recipe
from optimerge.recipe.values import Value, along, as_kind

PRESENT = "layers"
"""The row of a model that is given no number: 1 where its layers are taken."""
REST = "rest"
"""The part of tensors that no filter matches."""
_Levels = Sequence[Mapping[str, Value | None]]


@dataclass(frozen=True)
class LayerRow:
    """One number of one model, by layer of the merge."""

    model: str
    """Its reference."""
    parameter: str
    part: str
    """Which tensors of a layer: a filter's text, `rest`, or "" for all."""
    values: tuple[float | None, ...]
    """By layer; None where the model takes no part, or the number has no value."""


def by_layer(recipe: Recipe, layers: int) -> tuple[LayerRow, ...]:
    """Return the numbers that a recipe gives the layers, a row for each model, number and part.

    Args:
        recipe: A recipe whose slices, if it has any, say how many layers there are.
        layers: Layers of the models; only read where there are no slices.

    Source: gradients and filters as `recipe.values` reads them (mergekit 0.1.5).
    """
    body: Module = recipe.modules["default"] if recipe.modules else recipe
    levels = [body.parameters, recipe.parameters] if recipe.modules else [recipe.parameters]
    numbers = method_named(recipe.merge_method).per_input
    spans = list(_spans(body, layers))
    total = sum(count for count, _ in spans)
    rows: dict[tuple[str, str, str], list[float | None]] = {}
    present: dict[str, list[float | None]] = {}
    start = 0
    for count, inputs in spans:
        for model, own in inputs:
            present.setdefault(model, [None] * total)[start : start + count] = [1.0] * count
            for name, part, values in _numbers(numbers, [*own, *levels], count):
                row = rows.setdefault((model, name, part), [None] * total)
                row[start : start + count] = values
        start += count
    known = {key: values for key, values in rows.items() if any(v is not None for v in values)}
    without = set(present).difference(model for model, _, _ in known)
    known |= {(m, PRESENT, ""): values for m, values in present.items() if m in without}
    return tuple(LayerRow(*key, tuple(values)) for key, values in known.items())


def _spans(body: Module, layers: int) -> Iterator[tuple[int, list[tuple[str, _Levels]]]]:
    """Yield (layers, [(model, its parameters)]) of every slice, in their order."""
    if body.slices is None:
        yield layers, [(model.model, (model.parameters,)) for model in body.models or []]
        return
    for part in body.slices:
        inputs: list[tuple[str, _Levels]] = [
            (source.model, [source.parameters, part.parameters]) for source in part.sources
        ]
        yield part.sources[0].length, inputs


def _numbers(
    parameters: Sequence[Parameter], levels: _Levels, count: int
) -> Iterator[tuple[str, str, list[float | None]]]:
    for parameter in parameters:
        parts = _parts(parameter, levels)
        for part in parts:
            tensor = "" if part in ("", REST) else part
            values = [_at(parameter, levels, tensor, n, count) for n in range(count)]
            yield parameter.name, part, values


def _parts(parameter: Parameter, levels: _Levels) -> list[str]:
    """Return the filters that a number has, in their order, and the rest."""
    cases = [
        case for level in levels if (found := level.get(parameter.name)) for case in found.cases
    ]
    filters = dict.fromkeys(c.filter for c in cases if c.filter not in (None, "*"))
    return [*map(str, filters), REST] if filters else [""]


def _at(parameter: Parameter, levels: _Levels, tensor: str, layer: int, count: int) -> float | None:
    for level in levels:
        value = level.get(parameter.name)
        found = value.at(tensor, along(layer, count)) if value is not None else None
        if found is not None:
            return float(as_kind(found, parameter, parameter.name))
    default = parameter.default
    return None if default is None or isinstance(default, Required) else float(default)
