"""What the package's pydantic models say about their keys: name, type, default, meaning."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generate.markdown import code
from docs.generate.type_names import type_name


@dataclass(frozen=True)
class Key:
    """One key of a block of a YAML file."""

    name: str
    type: str
    default: str
    meaning: str


def keys(model: type[BaseModel], without: type[BaseModel] | None = None) -> list[Key]:
    """Return a model's keys in the order of declaration; `without`: not those of that parent."""
    return [
        Key(name, type_name(field), _default(field), meaning(model, name, field))
        for name, field in model.model_fields.items()
        if without is None or name not in without.model_fields
    ]


def meaning(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """Return a key's description: its own, or the text below its declaration."""
    found = field.description or next(
        (texts[name] for each in model.__mro__ if name in (texts := _texts(each))), ""
    )
    return " ".join(found.split())


@cache
def _texts(model: type) -> dict[str, str]:
    """Return the string below each annotated name of a class."""
    if model is BaseModel or not issubclass(model, BaseModel):
        return {}
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef)
    return dict(_pairs(tree.body))


def _pairs(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, after in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = after.value if isinstance(after, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.target.id, inspect.cleandoc(value.value)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value in ((), [], {}):
        return "none"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f"{value:g}" if isinstance(value, float) else str(value))
