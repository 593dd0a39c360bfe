"""Reads recipes from YAML; every complaint is one sentence with file, key and remedy."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from optimerge.errors import RecipeError, did_you_mean
from optimerge.recipe.check import check_recipe
from optimerge.recipe.files import EXPORTED
from optimerge.recipe.schema import Recipe
from optimerge.recipe.yaml_limits import check_limits

LARGEST_FILE = 1_000_000
"""Bytes; a recipe of a hundred layers is about 100 kB."""
LONGEST_NUMBER = 40
"""Characters: a double has at most 24 that say something, 64 bits have 20 digits."""

T = TypeVar("T", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice (plain YAML keeps the last, silently).

    Looked at before merge keys (`<<: *defaults`) are resolved: those may be overridden.
    """

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                given = key.value if isinstance(key.value, str) else "of several values"
                problem = f"the key {given} is not text"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            if key.value in seen:
                problem = f"the key {key.value!r} is given twice"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return node

    def construct_scalar(self, node: Any) -> Any:
        """Return a scalar's text; none that cannot be printed, and no number of any length."""
        text = super().construct_scalar(node)
        if isinstance(text, str) and _NO_TEXT.search(text):
            problem = "half a character, or a zero byte, is no text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        if node.tag in _NUMBERS and len(text) > LONGEST_NUMBER:
            problem = f"a number of {len(text)} characters is too long"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return text

    def construct_undefined(self, node: Any) -> Any:
        """Refuse a tag: recipes hold texts, numbers, lists and mappings."""
        problem = f"the tag {node.tag!r} is not known here"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_NO_TEXT = re.compile("[\ud800-\udfff\0]")
_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
for _tag in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_undefined)
_Loader.add_constructor(None, _Loader.construct_undefined)
# A folder may be called 2026-01-31.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_scalar)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a YAML file's top-level mapping; RecipeError if there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise RecipeError(f"{path}: is no recipe: it has more than {LARGEST_FILE} bytes")
        return parse_yaml(content.decode("utf-8-sig"), str(path))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise RecipeError(f"{path}: is a folder; give a YAML file") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise RecipeError(f"{str(path)!r}: is no name of a file") from None


def parse_yaml(text: str, file: str) -> dict[str, Any]:
    """Return YAML text's top-level mapping; `file` names it in complaints."""
    try:
        check_limits(text)
        data = yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader with one more check)
    except (LookupError, TypeError, AttributeError):  # PyYAML of `!!bool x`, `!!int {a: 1}`
        raise RecipeError(f"{file}: a value is not what its tag says") from None
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as error:
        raise RecipeError(f"{file}: {_yaml_problem(error)}") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{file}: holds no keys; a recipe starts with `merge_method:`")
    return data


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0] or "is nested too deep"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe file."""
    _refuse_folder(path)
    data = read_yaml(path)
    _refuse_space(data, path)
    recipe = validate(Recipe, data, str(path))
    check_recipe(recipe, str(path))
    return recipe


def _refuse_folder(path: Path) -> None:
    """RecipeError if the path is a folder that a recipe was exported to: it is named."""
    inside = path / EXPORTED
    if os.path.isfile(inside):  # Path.is_file raises for a name that is too long
        raise RecipeError(f"{path}: is a folder; give the recipe in it, {inside}")


def _refuse_space(data: Any, path: Path) -> None:
    """RecipeError if what should be a recipe is a search space: a range stands in it."""
    if isinstance(data, dict) and ({"low", "high"} <= data.keys() or "choices" in data):
        raise RecipeError(
            f"{path}: is a search space, for it holds ranges; `optimerge search {path}` it, and "
            "`optimerge export` of the run gives a recipe"
        )
    for part in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        _refuse_space(part, path)


def parse_recipe(text: str, file: str = "recipe") -> Recipe:
    """Read and check a recipe from text; `file` names it in complaints."""
    recipe = validate(Recipe, parse_yaml(text, file), file)
    check_recipe(recipe, file)
    return recipe


def validate(schema: type[T], data: Mapping[str, Any], file: str) -> T:
    """Return `data` as a `schema`; RecipeError for the first thing that is wrong with it."""
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"{file}: {_sentence(error, schema)}") from None


def _sentence(error: ValidationError, schema: type[BaseModel]) -> str:
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    loc, kind = first["loc"], first["type"]
    parent = _path(loc[:-1])
    if kind == "extra_forbidden":
        known = _keys_at(schema, loc[:-1])
        hint = did_you_mean(str(loc[-1]), known) or f"; known: {', '.join(known)}"
        return f"{parent + ': ' if parent else ''}unknown key {loc[-1]!r}{hint}"
    if kind == "missing":
        return f"{parent + ': ' if parent else ''}the key {loc[-1]!r} is missing"
    if kind == "too_short":
        least, given = first["ctx"]["min_length"], first["ctx"]["actual_length"]
        return f"{_path(loc)}: has {given or 'none'}; give at least {least}"
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict | list) else f" (it is {first['input']!r})"
    where = f"{_path(loc)}: " if loc else ""
    return f"{where}{message[:1].lower()}{message[1:]}{given}"


def _path(loc: tuple[int | str, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc]
    shown = (p for p in parts if p != ".cases" and not p.endswith("Objective"))  # unions' tags
    return "".join(shown).lstrip(".")


def _keys_at(schema: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    found, others = schema, [schema]
    for part in loc:
        if isinstance(part, str) and part in found.model_fields:
            others = list(_models_in(found.model_fields[part].annotation)) or others
            found = others[0]
        elif isinstance(part, str):
            found = next((m for m in _and_subclasses(others) if m.__name__ == part), found)
            others = [found]
    return list(found.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _and_subclasses(schemas: list[type[BaseModel]]) -> list[type[BaseModel]]:
    return [*schemas, *(inner for schema in schemas for inner in schema.__subclasses__())]
