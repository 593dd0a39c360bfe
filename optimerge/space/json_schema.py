"""The JSON Schema of search-space files: that of recipes, with ranges, and the blocks beside it."""

from collections.abc import Iterable, Mapping

from optimerge.checkpoint.config import MOST_LAYERS
from optimerge.methods.protocol import MergeMethod, Parameter
from optimerge.recipe.described import Schema, described
from optimerge.recipe.json_schema import DRAFT, Forms, at, layer_range, recipe_parts
from optimerge.recipe.json_values import NUMERAL, name_of_values, scalar, value
from optimerge.space.schema import Blocks

_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_LAYERS}
LAYER_GROUPS: Schema = {
    "description": "one value for each group of layers: so many equal groups, one a layer (each), "
    "groups cut where the experts change (auto), or their edges",
    "anyOf": [
        _COUNT,
        {"enum": ["each", "auto"]},
        {
            "type": "object",
            "properties": {"auto": _COUNT},
            "required": ["auto"],
            "additionalProperties": False,
        },
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2},
    ],
}
FILTERS: Schema = {
    "description": "one value for the tensors whose names hold each of these, one for the rest",
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
}
CLOCK = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$"


def space_schema(methods: Mapping[str, MergeMethod], samplers: Mapping[str, Schema]) -> Schema:
    """Return the schema of a search space; `samplers`: the schema of each one's options by name."""
    top, definitions = recipe_parts(methods, _forms(methods.values()))
    blocks, more = described(Blocks)
    definitions |= more
    top["properties"] |= blocks["properties"]
    settings = definitions["SearchSettings"]["properties"]
    settings["sampler"] = sampler_schema(samplers)
    settings["until"] |= {"anyOf": [{"type": "string", "pattern": CLOCK}, {"type": "null"}]}
    settings["device_map"]["anyOf"] = [
        {"enum": ["auto", "balanced", "sequential"]},
        {"type": "object", "additionalProperties": {"type": ["integer", "string"]}},
        {"type": "null"},
    ]
    del definitions["SamplerChoice"]  # each sampler has its own
    bodies = [{"required": ["merge_method", key]} for key in ("models", "slices", "modules")]
    return {
        "$schema": DRAFT,
        "title": "optimerge search space",
        **top,
        "required": ["objectives"],
        "oneOf": [*bodies, {"required": ["layer_map"]}],
        "definitions": definitions,
    }


def sampler_schema(samplers: Mapping[str, Schema]) -> Schema:
    """Return the schema of `sampler:`, a name or a name with options."""
    outside: Schema = {"type": "string", "pattern": "^[^:]+:[^:]+$"}
    known = [
        {
            "type": "object",
            "properties": {
                "name": {"const": name, "description": "the sampler: optimerge samplers"},
                **options.get("properties", {}),
            },
            "required": ["name"],
            "additionalProperties": False,
        }
        for name, options in samplers.items()
    ]
    foreign: Schema = {"type": "object", "properties": {"name": outside}, "required": ["name"]}
    return {
        "description": "a name (optimerge samplers), module:Class, or one of these with options",
        "default": "auto",
        "anyOf": [{"enum": list(samplers)}, outside, *known, foreign],
    }


def _forms(methods: Iterable[MergeMethod]) -> Forms:
    singles = {
        _single(each): _either(scalar(each), _of_range(each, {}))
        for method in methods
        for each in method.parameters
    }
    bound = _either({"type": "integer", "minimum": 0}, _range({"type": "integer", "minimum": 0}))
    return Forms(
        parameter=_parameter,
        name=_name,
        bound=bound,
        slice_keys={
            "layer_range": layer_range(bound),
            "use": {
                "description": "whether the slice is in or out: {choices: [true, false]}",
                **_choices({"type": "boolean"}),
            },
        },
        needs_layer_range=False,
        definitions={"layer_groups": LAYER_GROUPS, "filters": FILTERS, **singles},
    )


def _name(given: Schema) -> Schema:
    """Return the schema of a name, or of names to choose from."""
    said = {"description": given["description"]} if "description" in given else {}
    return {**said, **_either(given, _choices(given))}


def _parameter(parameter: Parameter) -> Schema:
    inner = {"$ref": at(_single(parameter))}
    spread = {"layer_groups": {"$ref": at("layer_groups")}, "filters": {"$ref": at("filters")}}
    return {"anyOf": [_of_range(parameter, spread), *value(inner)["anyOf"]]}


def _single(parameter: Parameter) -> str:
    """Return what one value of a parameter, inside a gradient or a filter, is called."""
    return f"one_{name_of_values(parameter)}"


def _of_range(parameter: Parameter, spread: Mapping[str, Schema]) -> Schema:
    one = scalar(parameter)
    if parameter.kind == "boolean":
        return _choices(one, spread)
    return _range(one, spread)


def _range(one: Schema, spread: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of `{low, high}` with what may stand beside it, or `{choices}`."""
    step: Schema = {
        "description": "values lie so far apart",
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "string", "pattern": NUMERAL},
        ],
    }
    between: Schema = {
        "type": "object",
        "properties": {
            "low": {"description": "the least value", **one},
            "high": {"description": "the largest value", **one},
            "log": {"type": "boolean", "description": "search on a logarithmic scale"},
            "step": step,
            **(spread or {}),
        },
        "required": ["low", "high"],
        "additionalProperties": False,
    }
    return {"anyOf": [between, _choices(one, spread)]}


def _choices(one: Schema, spread: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of `{choices: [...]}`."""
    listed: Schema = {
        "type": "array",
        "description": "the values to choose from",
        "items": one,
        "minItems": 1,
        "uniqueItems": True,
    }
    return {
        "type": "object",
        "properties": {"choices": listed, **(spread or {})},
        "required": ["choices"],
        "additionalProperties": False,
    }


def _either(*forms: Schema) -> Schema:
    return {"anyOf": list(forms)}
