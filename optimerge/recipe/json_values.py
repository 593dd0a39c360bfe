"""JSON Schemas of what a parameter may be in a recipe: a number, a gradient, filtered values."""

from math import isfinite
from typing import Any

from optimerge.methods.protocol import Parameter, Required
from optimerge.recipe.described import Schema

NUMERAL = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
"""YAML 1.1 reads 1e-3 as text; recipes take it for the number that it is."""


def scalar(parameter: Parameter) -> Schema:
    """Return the schema of one value of a parameter."""
    if parameter.kind == "boolean":
        return {"type": "boolean"}
    kind: Schema = {"type": "integer" if parameter.kind == "integer" else "number"}
    if isfinite(parameter.low):
        kind["minimum"] = parameter.low
    if isfinite(parameter.high):
        kind["maximum"] = parameter.high
    return {"anyOf": [kind, {"type": "string", "pattern": NUMERAL}]}


def name_of_values(parameter: Parameter) -> str:
    """Return what the values of a parameter are called: the same for all of the same values."""
    low = f"_from_{parameter.low:g}" if isfinite(parameter.low) else ""
    high = f"_to_{parameter.high:g}" if isfinite(parameter.high) else ""
    return f"{parameter.kind}{low}{high}"


def value(one: Schema) -> Schema:
    """Return the schema of a parameter whose single values are of the schema `one`."""
    knots: Schema = {
        "type": "array",
        "description": "a gradient: values spread evenly over the layers, the first to the last",
        "items": one,
        "minItems": 1,
    }
    filtered: Schema = {
        "type": "object",
        "properties": {
            "filter": {
                "type": ["string", "null"],
                "description": "part of the names of the tensors that it is for; none: all others",
            },
            "value": {"anyOf": [one, knots, {"type": "null"}]},
        },
        "required": ["value"],
        "additionalProperties": False,
    }
    listed: Schema = {
        "type": "array",
        "description": "filtered values; the first whose filter matches decides",
        "items": filtered,
        "minItems": 1,
    }
    return {"anyOf": [one, knots, filtered, listed, {"type": "null"}]}


def remarks(parameter: Parameter) -> Schema:
    """Return what an editor shows of a parameter: what it is for, and its default."""
    found: dict[str, Any] = {"description": parameter.help}
    if not isinstance(parameter.default, Required) and parameter.default is not None:
        found["default"] = parameter.default
    return found
