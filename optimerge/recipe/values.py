"""What a parameter may be in a recipe, and what it means for one tensor.

A value is a number (or a name, or a switch), a gradient over layers (a list), one filtered value,
or a list of filtered values. Semantics as in mergekit 0.1.5.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from optimerge.errors import RecipeError
from optimerge.methods.protocol import Number, Parameter

LARGEST_WHOLE = 2**53
"""Beyond it a whole number is not itself as a float."""
Scalar = bool | int | float | str
Gradient = list[Scalar]
Read = Callable[[Scalar], Scalar]
"""Turns what stands in the file into what the parameter takes: "1e-3" into 0.001."""


class Filtered(BaseModel):
    """A value for the tensors whose name contains `filter`; no filter or "*" matches all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: str | None = None
    value: Scalar | Gradient | None

    def matches(self, tensor: str) -> bool:
        """Whether the value is for the tensor of that name: plain substring, as upstream."""
        return self.filter in (None, "*") or str(self.filter) in tensor


class Value(BaseModel):
    """A parameter's value in any of its four forms, kept in one: filtered values in order."""

    model_config = ConfigDict(frozen=True)

    cases: tuple[Filtered, ...]

    @model_validator(mode="before")
    @classmethod
    def _any_form(cls, data: Any) -> Any:
        if isinstance(data, dict) and set(data) == {"cases"}:
            return data
        if isinstance(data, dict):
            return {"cases": (data,)}
        if isinstance(data, list) and data and all(isinstance(part, dict) for part in data):
            return {"cases": tuple(data)}
        if isinstance(data, list) and any(isinstance(part, dict | list) for part in data):
            raise ValueError("a list holds numbers (a gradient) or filtered values, not both")
        return {"cases": ({"value": data},)}

    def at(self, tensor: str, place: float, read: Read = lambda given: given) -> Scalar | None:
        """Return the value for a tensor `place` along its layers (see `along`); None: none here.

        The first case that matches decides; a tensor that no case matches has no value.
        """
        for case in self.cases:
            if case.matches(tensor):
                return interpolate(case.value, place, read)
        return None

    def plain(self) -> Any:
        """Return the shortest YAML form."""
        cases = [case.model_dump() for case in self.cases]
        if len(cases) == 1 and cases[0]["filter"] is None:
            return cases[0]["value"]
        return [{k: v for k, v in case.items() if v is not None} for case in cases]


def constants(numbers: Mapping[str, Scalar]) -> dict[str, Value | None]:
    """Return parameters that are one number each, as a recipe holds them."""
    return {name: Value.model_validate(value) for name, value in numbers.items()}


def along(layer: int, layers: int) -> float:
    """Return how far a layer lies along so many: 0 the first, 1 the last, and one that is alone.

    >>> along(0, 5), along(1, 5), along(4, 5), along(0, 1)
    (0.0, 0.25, 1.0, 1.0)
    """
    return layer / (layers - 1) if layers > 1 else 1.0


def interpolate(
    value: Scalar | Gradient | None, place: float, read: Read = lambda given: given
) -> Scalar | None:
    """Return a gradient's value at a place: linear between numbers, the lower step otherwise.

    What a step is, the parameter decides: every one is read first.
    """
    if not isinstance(value, list):
        return None if value is None else read(value)
    if not value:
        return None
    position = place * (len(value) - 1)
    low = int(position)
    knots = [read(part) for part in value]
    if not all(_is_number(knot) for knot in knots):
        return knots[low]
    return _between(knots, low, position - low)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _between(knots: Sequence[Any], low: int, fraction: float) -> float:
    high = min(low + 1, len(knots) - 1)
    return float((1 - fraction) * knots[low] + fraction * knots[high])


def coerce(value: Scalar, parameter: Parameter, where: str) -> Number:
    """Return the value in the parameter's kind, inside its legal range; RecipeError otherwise."""
    number = as_kind(value, parameter, where)
    if not isinstance(number, bool) and not parameter.low <= number <= parameter.high:
        raise RecipeError(
            f"{where}: {parameter.name} is {value}, and must lie between "
            f"{parameter.low:g} and {parameter.high:g}"
        )
    return number


_SWITCHES = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0"), False),
}


def as_kind(value: Scalar, parameter: Parameter, where: str) -> bool | int | float:
    """Return the value in the parameter's kind, whatever its range; RecipeError if it is none."""
    try:
        if parameter.kind == "boolean":
            return _SWITCHES[str(value).lower()]
        number = float(value)
        if parameter.kind == "integer":
            if number != int(number) or abs(number) > LARGEST_WHOLE:
                raise ValueError
            return int(number)
        if not isfinite(number):
            raise ValueError
        return number
    except (ValueError, KeyError, OverflowError):
        wanted = {"real": "a number", "integer": "a whole number", "boolean": "true or false"}
        raise RecipeError(
            f"{where}: {parameter.name} is {value!r}, and must be {wanted[parameter.kind]}"
        ) from None
