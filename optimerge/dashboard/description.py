"""The API described as OpenAPI 3.1, made from the models of what it returns."""

import re
from typing import Any

from optimerge import __version__
from optimerge.dashboard.resource import Resource
from optimerge.dashboard.resources.table import RESOURCES

_PART = re.compile(r"{(\w+)}")
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "One sentence."}},
}
_FAILS = {
    "400": "the question makes no sense",
    "404": "no such run, trial or task",
    "503": "the run's storage cannot be read now; ask again",
}


def describe() -> dict[str, Any]:
    """Return the description."""
    schemas: dict[str, Any] = {"Error": _ERROR}
    paths = {each.path: {"get": _operation(each, schemas)} for each in RESOURCES}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "optimerge dashboard",
            "version": __version__,
            "description": "Reads runs; nothing can be changed. Numbers that are unknown are null.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(each: Resource, schemas: dict[str, Any]) -> dict[str, Any]:
    prefix = each.path.removeprefix("/api/").replace("/", "_").replace("{", "").replace("}", "")
    where = f"#/components/schemas/{prefix}."
    schema = each.answer.model_json_schema(ref_template=f"{where}{{model}}", mode="serialization")
    for name, part in schema.pop("$defs", {}).items():
        schemas[f"{prefix}.{name}"] = part
    schemas[f"{prefix}.{each.answer.__name__}"] = schema
    query = {**each.query, **({"since": "Version that is known."} if each.versioned else {})}
    answers: dict[str, Any] = {
        "200": {
            "description": each.about,
            "content": _json(f"{where}{each.answer.__name__}"),
        }
    }
    if each.versioned:
        answers["304"] = {"description": "nothing has changed since that version"}
    for status, why in _FAILS.items():
        answers[status] = {"description": why, "content": _json("#/components/schemas/Error")}
    return {
        "summary": each.about,
        "operationId": prefix,
        "parameters": [
            *(_parameter(name, "path", "") for name in _PART.findall(each.path)),
            *(_parameter(name, "query", about) for name, about in query.items()),
        ],
        "responses": answers,
    }


def _parameter(name: str, where: str, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": about,
        "schema": {"type": "string"},
    }


def _json(reference: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": reference}}}
