"""The JSON Schema of recipes, made of the schema's classes and the methods' declarations.

Which parameters may stand where depends on the method, so each method has its own part, chosen by
`merge_method`. A search space is the same with ranges: `optimerge.space.json_schema` gives other
`Forms`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optimerge.methods.protocol import MergeMethod, Parameter
from optimerge.recipe.described import Schema, described
from optimerge.recipe.json_values import name_of_values, remarks, scalar, value
from optimerge.recipe.schema import Recipe

DRAFT = "http://json-schema.org/draft-07/schema#"
LISTS = ("models", "slices")
ANY = "any_of_several"


@dataclass(frozen=True)
class Forms:
    """How what a search may vary is written."""

    parameter: Callable[[Parameter], Schema] = field(default=lambda each: value(scalar(each)))
    name: Callable[[Schema], Schema] = field(default=lambda given: given)
    """From the schema of a name (of a method, of a slice's model) to what may stand for it."""
    bound: Schema = field(default_factory=lambda: {"type": "integer", "minimum": 0})
    slice_keys: Mapping[str, Schema] = field(default_factory=dict)
    """Further keys beside `sources`."""
    needs_layer_range: bool = True
    definitions: Mapping[str, Schema] = field(default_factory=dict)
    """What these refer to."""


def recipe_schema(methods: Mapping[str, MergeMethod]) -> Schema:
    """Return the schema of a recipe of these methods."""
    top, definitions = recipe_parts(methods, Forms())
    one_body = [{"required": [key]} for key in (*LISTS, "modules")]
    return {
        "$schema": DRAFT,
        "title": "optimerge recipe",
        **top,
        "required": ["merge_method"],
        "oneOf": one_body,
        "definitions": definitions,
    }


def recipe_parts(
    methods: Mapping[str, MergeMethod], forms: Forms
) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of a recipe's top level, and the definitions that it refers to."""
    top, found = described(Recipe)
    for name in ("Value", "Filtered"):
        found.pop(name, None)
    for each in (top, *found.values()):
        if given := each.get("properties", {}).get("parameters"):
            kept = {k: v for k, v in given.items() if k == "description"}
            each["properties"]["parameters"] = {**kept, "type": ["object", "null"]}
    _layers(found, forms)
    found["TokenSource"] = {"anyOf": [{"type": "string"}, found["TokenSource"]]}
    names = {"enum": list(methods), "description": "how tensors are merged: optimerge methods"}
    top["properties"]["merge_method"] = forms.name(names)
    top["allOf"] = [_when({"const": name}, name) for name in methods]
    if forms.name(names) != names:
        top["allOf"].append(_when({"type": "object"}, ANY))
        found |= _definitions(ANY, _all_parameters(methods.values()))
    for name, method in methods.items():
        found |= _definitions(name, {p.name: [p] for p in method.parameters})
        found |= {name_of_values(p): forms.parameter(p) for p in method.parameters}
        if method.base == "required":
            found[f"recipe_of_{name}"] |= {"dependencies": {"models": ["base_model"]}}
    return top, found | dict(forms.definitions)


def _when(method: Schema, name: str) -> Schema:
    chosen = {"properties": {"merge_method": method}, "required": ["merge_method"]}
    return {"if": chosen, "then": {"$ref": at(f"recipe_of_{name}")}}


def _layers(found: dict[str, Schema], forms: Forms) -> None:
    """Write slices in the given forms."""
    source, part = found["SliceSource"], found["Slice"]
    layers = layer_range(forms.bound)
    source["properties"]["layer_range"] = layers
    source["properties"]["model"] = forms.name(source["properties"]["model"])
    part["properties"] |= forms.slice_keys
    if not forms.needs_layer_range:
        source["required"] = ["model"]


def layer_range(bound: Schema) -> Schema:
    """Return the schema of `[start, end]`."""
    said = "[start, end]: layers from the first to before the second, counted from 0"
    return {"type": "array", "description": said, "items": bound, "minItems": 2, "maxItems": 2}


def _all_parameters(methods: Iterable[MergeMethod]) -> dict[str, list[Parameter]]:
    found: dict[str, list[Parameter]] = {}
    for method in methods:
        for each in method.parameters:
            found.setdefault(each.name, []).append(each)
    return found


def _definitions(name: str, parameters: Mapping[str, list[Parameter]]) -> dict[str, Schema]:
    """Return a method's parameters, and where in a recipe they may stand."""
    here: Schema = {"parameters": {"$ref": at(f"parameters_of_{name}")}}
    source: Schema = {"properties": here}
    part: Schema = {"properties": {**here, "sources": {"items": source}}}
    body: dict[str, Any] = {**here, "models": {"items": source}, "slices": {"items": part}}
    whole: Schema = {"$ref": at(f"body_of_{name}")}
    return {
        f"parameters_of_{name}": {
            "type": ["object", "null"],
            "properties": {each: _parameter(same) for each, same in parameters.items()},
            "additionalProperties": False,
        },
        f"body_of_{name}": {"properties": body},
        f"recipe_of_{name}": {
            "allOf": [whole],
            "properties": {"modules": {"additionalProperties": whole}},
        },
    }


def _parameter(same: list[Parameter]) -> Schema:
    """Return the schema of a parameter that one or several methods have."""
    kinds = list(dict.fromkeys(at(name_of_values(each)) for each in same))
    said = remarks(same[0]) if len(same) == 1 else {"description": same[0].help}
    return {**said, "anyOf": [{"$ref": kind} for kind in kinds]}


def at(name: str) -> str:
    """Return where the definition of that name is found."""
    return f"#/definitions/{name}"
