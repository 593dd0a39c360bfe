"""Python's types in the words of who writes YAML."""

from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as limits
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from docs.generate.markdown import code
from docs.generate.places import places
from optimerge.recipe.values import Value
from optimerge.space.layer_groups import Auto
from optimerge.space.objective_kinds.settings import ObjectiveSettings

PLAIN: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "anything",
    JsonValue: "anything",
    dict: "mapping",
    Auto: "`{auto: NUMBER}`",
    Value: "[value](format.md#values-of-parameters)",
}


def type_name(field: FieldInfo) -> str:
    """Return what a key takes, with its limits."""
    return _limited(_name(field.annotation), field.metadata)


def _name(annotation: Any) -> str:
    if annotation in PLAIN:
        return PLAIN[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _limited(_name(parts[0]), parts[1:])
    if origin is Literal:
        return _either([code(_literal(part)) for part in parts])
    if origin in (Union, UnionType):
        return _union(parts)
    if origin in (list, tuple):
        return _list(parts)
    if origin is dict:
        return f"mapping of names to {_plural(_name(parts[1]))}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return places()[annotation].link
    raise TypeError(f"docs.generate.type_names has no words for {annotation}; give PLAIN some")


def _union(parts: Sequence[Any]) -> str:
    bare = [get_args(part)[0] if get_origin(part) is Annotated else part for part in parts]
    if all(isinstance(part, type) and issubclass(part, ObjectiveSettings) for part in bare):
        return "[objective](objectives.md)"
    return _either([_name(part) for part in parts if part is not NoneType])


def _list(parts: Sequence[Any]) -> str:
    if len(parts) == 1 or parts[1] is Ellipsis:
        return f"list of {_plural(_name(parts[0]))}"
    return f"[{', '.join(map(_name, parts))}]"


def _plural(name: str) -> str:
    known = {"text": "texts", "number": "numbers", "whole number": "whole numbers"}
    return known.get(name, name)


def _either(names: Sequence[str]) -> str:
    once = list(dict.fromkeys(names))
    return once[0] if len(once) == 1 else f"{', '.join(once[:-1])} or {once[-1]}"


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _limited(name: str, metadata: Iterable[Any]) -> str:
    """Return a type's name with the limits that its metadata set."""
    signs = [sign for each in _flat(metadata) for sign in _signs(each)]
    return f"{name} {' and '.join(signs)}" if signs else name


def _flat(metadata: Iterable[Any]) -> Iterable[Any]:
    for each in metadata:
        yield from each.metadata if isinstance(each, FieldInfo) else (each,)


def _signs(limit: Any) -> Iterable[str]:
    known = {limits.Ge: "ge", limits.Gt: "gt", limits.Le: "le", limits.Lt: "lt"}
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    for kind, attribute in known.items():
        if isinstance(limit, kind):
            yield f"{signs[attribute]} {getattr(limit, attribute):g}"
