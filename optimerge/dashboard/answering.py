"""Turns what is asked into JSON, in a thread: nothing slow runs on the event loop."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from optimerge.dashboard.resource import Asked, AskedError, Resource, UnknownError
from optimerge.dashboard.source import GoneError, Sources
from optimerge.errors import OptimergeError
from optimerge.records.plain import one_line
from optimerge.records.secrets import redacted_text

Endpoint = Callable[[Request], Awaitable[Response]]
_STATUS: tuple[tuple[type[OptimergeError], int], ...] = (
    (UnknownError, 404),
    (AskedError, 400),
    (GoneError, 503),
    (OptimergeError, 503),
)
"""The first that fits; whatever else a run's records come to is no fault of the question."""


def endpoint(resource: Resource, sources: Sources) -> Endpoint:
    """Return what answers at a resource's address."""

    async def answer(request: Request) -> Response:
        parts = {name: unquote(value) for name, value in request.path_params.items()}
        asked = Asked(sources, parts, tuple(request.query_params.multi_items()))
        return await run_in_threadpool(_answer, resource, asked)

    return answer


def said(error: str, status: int) -> Response:
    """Return an error as JSON: one sentence."""
    return _json(json.dumps({"error": one_line(redacted_text(error))}).encode(), status)


def as_json(data: Any) -> Response:
    """Return plain data as JSON."""
    return _json(json.dumps(data).encode())


def _answer(resource: Resource, asked: Asked) -> Response:
    try:
        since = asked.one("since") if resource.versioned else ""
        if since and since == str(asked.source().now().version):
            return Response(status_code=304)
        return _json(to_bytes(resource.make(asked)))
    except OptimergeError as error:
        status = next(code for kind, code in _STATUS if isinstance(error, kind))
        return said(str(error), status)


def to_bytes(answer: BaseModel) -> bytes:
    """Return a model as JSON; halves of characters in a stranger's text are escaped."""
    try:
        return answer.model_dump_json().encode()
    except (UnicodeError, ValueError):
        return json.dumps(answer.model_dump(mode="python"), default=str).encode()


def _json(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="application/json")
