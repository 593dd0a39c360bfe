"""The page's own files: looked up by name among those that are there, never by a path."""

from importlib.util import find_spec
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from optimerge.dashboard.answering import said
from optimerge.errors import OptimergeError

STATIC = Path(__file__).parent / "static"
PAGE = "index.html"
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


class Files:
    """The files of a folder, by their names in it."""

    def __init__(self, folder: Path = STATIC) -> None:
        """List the folder; files that come later are not served."""
        found = sorted(folder.rglob("*")) if folder.is_dir() else []
        self._files = {
            each.relative_to(folder).as_posix(): each for each in found if each.suffix in KINDS
        }
        self._files["plotly.js"] = plotly()

    async def page(self, request: Request) -> Response:
        """Return the page."""
        return await run_in_threadpool(self._file, PAGE)

    async def static(self, request: Request) -> Response:
        """Return the file that the address names."""
        return await run_in_threadpool(self._file, str(request.path_params["name"]))

    async def plotly(self, request: Request) -> Response:
        """Return plotly, which a browser keeps for a day: it has four megabytes."""
        return await run_in_threadpool(self._file, "plotly.js", "private, max-age=86400")

    def _file(self, name: str, keep: str = "no-cache") -> Response:
        file = self._files.get(name)
        if file is None:
            return said(f"no file {name!r}", 404)
        try:
            content = file.read_bytes()
        except OSError as error:
            return said(f"{name}: cannot be read ({error.strerror})", 503)
        answer = Response(content, media_type=KINDS[file.suffix])
        answer.headers["cache-control"] = keep
        return answer


def plotly() -> Path:
    """Return plotly.js as the installed plotly has it; it is not imported."""
    found = find_spec("plotly")
    for place in (found.submodule_search_locations or []) if found is not None else []:
        file = Path(place) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file
    raise OptimergeError("plotly is not installed, or lacks plotly.min.js; pip install plotly")
