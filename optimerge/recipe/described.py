"""The JSON Schema of a pydantic model, with what its attributes' docstrings say, for editors.

Draft 7, which editors' YAML plug-ins read; written so that every pydantic from 2.7 on gives the
same.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]
_DROPPED = ("title", "discriminator")


def described(model: type[BaseModel]) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of a model, and those that it refers to as `#/definitions/NAME`."""
    whole = model.model_json_schema(ref_template="#/definitions/{model}")
    inner = whole.pop("$defs", {})
    classes = {each.__name__: each for each in _models(model)}
    found = {name: _plain(each, classes.get(name)) for name, each in inner.items()}
    return _plain(whole, model), found


def _plain(schema: Schema, model: type[BaseModel] | None) -> Schema:
    """Return pydantic's schema of one model in draft 7, its fields described."""
    said = {} if model is None else field_docs(model)
    plain: Schema = _simplified(schema)
    for name, each in plain.get("properties", {}).items():
        if name in said:
            each["description"] = said[name]
    return plain


def _simplified(part: Any) -> Any:
    if isinstance(part, list):
        return [_simplified(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {k: v for k, v in part.items() if k not in _DROPPED or isinstance(v, dict)}
    kept = _as_newer(kept)
    if "const" in kept or "enum" in kept:
        kept.pop("type", None)
    if "const" in kept:
        kept.pop("enum", None)
    if isinstance(kept.get("default", 0), dict | list | None):
        del kept["default"]
    found: Schema = {}
    for key, value in kept.items():
        by_name = key in ("properties", "definitions")
        found[key] = (
            {name: _simplified(each) for name, each in value.items()}
            if by_name
            else _simplified(value)
        )
    if "prefixItems" in found:
        found["items"] = found.pop("prefixItems")
    if "description" in found:
        found["description"] = first_sentences(found["description"])
    return found


def _as_newer(part: Schema) -> Schema:
    """Return what pydantic 2.7 writes as later ones do, without what they add."""
    kept = {k: v for k, v in part.items() if k != "propertyNames"}
    if kept.get("additionalProperties") is True:
        del kept["additionalProperties"]
    if len(kept.get("allOf", ())) == 1:
        (only,) = kept.pop("allOf")
        kept |= only
    whole = {k: v for k, v in kept.items() if isinstance(v, float) and v == int(v)}
    return kept | {k: int(v) for k, v in whole.items()}


def first_sentences(text: str) -> str:
    """Return the first paragraph of a text, in one line."""
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Return what stands in quotes below each field, those of the classes above included."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found |= dict(_own_docs(each))
    return found


def _own_docs(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    try:
        source = inspect.getsource(model)
    except (OSError, TypeError):  # made while running: it has no text to say more
        return
    tree = ast.parse(textwrap.dedent(source)).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for field, doc in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = doc.value if isinstance(doc, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield field.target.id, first_sentences(value.value)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        yield from _inside(field.annotation)


def _inside(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _models(annotation)
    for part in getattr(annotation, "__args__", ()):
        yield from _inside(part)
