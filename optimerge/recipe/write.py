"""Writes recipes as YAML that mergekit and optimerge both read; same recipe, same bytes."""

from collections.abc import Mapping
from typing import Any

import yaml

from optimerge.recipe.schema import Recipe, TokenSource
from optimerge.recipe.values import Value


class _Dumper(yaml.SafeDumper):
    """Block style, no aliases (a repeated list is written out: people read recipes)."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


FIRST = ("merge_method", "base_model", "models", "slices", "modules", "parameters")


def recipe_data(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as plain data, without what is not set, in the file's usual order."""
    data: dict[str, Any] = _plain(recipe)
    order = [*FIRST, *(name for name in data if name not in FIRST)]
    return {name: data[name] for name in order if name in data}


def recipe_text(recipe: Recipe) -> str:
    """Return the recipe as YAML text."""
    return dump_yaml(recipe_data(recipe))


def dump_yaml(data: Any) -> str:
    """Return plain data as YAML text, keys in the order given, short lists on one line."""
    return yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=96, allow_unicode=True
    )


def with_references(recipe: Recipe, places: Mapping[str, str]) -> Recipe:
    """Return the recipe with model references replaced by `places` (those not in it stay)."""
    return Recipe.model_validate(_replaced(recipe_data(recipe), places))


def _replaced(data: Any, places: Mapping[str, str]) -> Any:
    if isinstance(data, list):
        return [_replaced(part, places) for part in data]
    if not isinstance(data, dict):
        return data
    return {
        key: places.get(value, value)
        if isinstance(value, str) and _names_model(key, value)
        else _replaced(value, places)
        for key, value in data.items()
    }


def _names_model(key: str, value: str) -> bool:
    if key in ("source", "tokenizer_source"):
        return value not in ("base", "union")
    return key in ("model", "base_model")


def _plain(value: Any) -> Any:
    if isinstance(value, Value | TokenSource):
        return value.plain()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(type(value), "model_fields"):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return {k: _plain(v) for k, v in fields.items() if v not in (None, {}, [])}
    return value
