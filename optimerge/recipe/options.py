"""Options declared once, as the keyword-only arguments of the function that makes something.

    def make(ask: Ask, *, size: Annotated[int, Field(ge=2, description="points in it")] = 20): ...

Samplers and objectives say so what stands beside their name in a search space.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo

from optimerge.errors import RecipeError, did_you_mean

Make = Callable[..., Any]
REQUIRED = inspect.Parameter.empty
"""Default of an option that must be given."""


@dataclass(frozen=True)
class Option:
    """A setting that stands beside a name: `{name: NAME, OPTION: VALUE}`."""

    name: str
    kind: str
    default: Any
    """`REQUIRED`: there is none."""
    help: str


def declared(make: Make) -> tuple[Option, ...]:
    """Return the options of what a function makes, in the order of their declaration."""
    return tuple(
        Option(name, _kind(annotation), default, _field(annotation).description or "")
        for name, annotation, default in _arguments(make)
    )


def checked(make: Make, given: Mapping[str, Any], what: str, where: str) -> dict[str, Any]:
    """Return the given options as `make` takes them; RecipeError at `where` for what is wrong.

    `what` has the options: a sampler or an objective.
    """
    from optimerge.recipe.read import validate  # listing what there is needs no YAML

    known = [name for name, _, _ in _arguments(make)]
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) or f"; known: {', '.join(known) or 'none'}"
            raise RecipeError(f"{where}: {what} has no option {name!r}{hint}")
    values = validate(options_model(make), given, where)
    return {name: getattr(values, name) for name in given}


def options_model(make: Make) -> type[BaseModel]:
    """Return the options of what a function makes, as pydantic checks them."""
    fields: dict[str, Any] = {
        name: (annotation, ... if default is REQUIRED else default)
        for name, annotation, default in _arguments(make)
    }
    return create_model("Options", __config__=ConfigDict(strict=True), **fields)


def _arguments(make: Make) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, annotation and default of each option."""
    own = [p for p in inspect.signature(make).parameters.values() if p.kind is p.KEYWORD_ONLY]
    hints = _hints(make, {p.name: p.annotation for p in own})
    for each in own:
        yield each.name, hints[each.name], each.default


def _hints(make: Make, annotations: dict[str, Any]) -> dict[str, Any]:
    """Return annotations that are text (`from __future__ import annotations`) as what they say."""
    while isinstance(make, partial):
        make = make.func
    module = vars(sys.modules[make.__module__])
    holder: Any = SimpleNamespace(__annotations__=annotations)
    return get_type_hints(holder, module, include_extras=True)


def _field(annotation: Any) -> FieldInfo:
    return FieldInfo.from_annotation(annotation)


def _kind(annotation: Any) -> str:
    found: Any = _field(annotation).annotation
    names = {int: "integer", float: "number", bool: "true/false", str: "name", type(None): "none"}
    parts = getattr(found, "__args__", (found,))
    return " or ".join(names.get(part, str(part)) for part in parts)
