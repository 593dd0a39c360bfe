"""The dashboard as an ASGI application: the page, its files, the API; behind the guard."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from optimerge.dashboard.answering import as_json, endpoint, said
from optimerge.dashboard.description import describe
from optimerge.dashboard.files import Files
from optimerge.dashboard.resources.table import RESOURCES
from optimerge.dashboard.security import Guard, Guarded
from optimerge.dashboard.source import Sources

DESCRIPTION = "/api/openapi.json"


def make_app(sources: Sources, guard: Guard, files: Files | None = None) -> ASGIApp:
    """Return the application that shows these runs."""
    kept = files or Files()

    async def description(request: Request) -> Response:
        return as_json(describe())

    async def nothing(request: Request, error: Exception) -> Response:
        return said("no such address; the API is described at /api/openapi.json", 404)

    async def failed(request: Request, error: Exception) -> Response:
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        return said(f"the dashboard failed ({what}); please report it", 500)

    app = Starlette(
        routes=[
            Route("/", kept.page),
            Route("/plotly.js", kept.plotly),
            Route("/static/{name:path}", kept.static),
            Route(DESCRIPTION, description),
            *(Route(each.path, endpoint(each, sources)) for each in RESOURCES),
        ],
        exception_handlers={404: nothing, Exception: failed},
    )
    app.router.redirect_slashes = False
    return Guarded(app, guard)
