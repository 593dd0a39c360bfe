"""What the package's pydantic models say about their keys: name, type, default, meaning."""

from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generate.markdown import code
from docs.generate.type_names import type_name
from optimerge.recipe.described import field_docs


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
    return field.description or field_docs(model).get(name, "")


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
