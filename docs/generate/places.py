"""Where in the YAML each block stands, and where in the documentation it is described."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from docs.generate.markdown import heading_anchor
from optimerge.recipe.schema import Recipe
from optimerge.recipe.values import Value
from optimerge.space.objective_kinds.settings import ObjectiveSettings
from optimerge.space.ranges import Range
from optimerge.space.schema import Blocks

ELSEWHERE = (Value, ObjectiveSettings)
"""What has a section or a page of its own."""


@dataclass(frozen=True)
class Place:
    """The part of the page of the formats, and the heading, of a block."""

    part: Literal["recipe", "space"]
    title: str
    path: str
    """The keys that lead to the block in its file; "" at the top."""

    @property
    def heading(self) -> str:
        """The text of the heading, as Markdown."""
        return f"`{self.path}`" if self.path else self.title

    @property
    def link(self) -> str:
        """What links to the block, from every page of the reference."""
        return f"[{self.heading}](format.md#{heading_anchor(self.path or self.title)})"


@cache
def places() -> MappingProxyType[type[BaseModel], Place]:
    """Return the place of every block of recipes and search spaces."""
    found: dict[type[BaseModel], Place] = {
        **_below(Recipe, Place("recipe", "Keys of a recipe", "")),
        **_below(Blocks, Place("space", "Keys beside the recipe", "")),
        Range: Place("space", "Ranges", ""),
    }
    return MappingProxyType(found)


def described_in(part: str) -> list[tuple[type[BaseModel], Place]]:
    """Return the blocks that a part of the page describes, outermost first."""
    return [(model, place) for model, place in places().items() if place.part == part]


def _below(model: type[BaseModel], place: Place) -> dict[type[BaseModel], Place]:
    found, waiting = {model: place}, [model]
    while waiting:
        outer = waiting.pop(0)
        for name, field in outer.model_fields.items():
            start = f"{found[outer].path}.{name}".lstrip(".")
            for inner, rest in _models(field.annotation, ""):
                if inner not in found:
                    found[inner] = Place(place.part, place.title, start + rest)
                    waiting.append(inner)
    return found


def _models(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the blocks that an annotation names, with the path from its key to each."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from [] if issubclass(annotation, ELSEWHERE) else [(annotation, path)]
    steps = {list: "[]", tuple: "[]", dict: ".NAME"}
    for part in get_args(annotation):
        yield from _models(part, path + steps.get(get_origin(annotation), ""))
