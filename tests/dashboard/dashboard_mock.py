"""A server on loopback that answers the dashboard's API about made-up runs."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import plotly
from dashboard_synthetic import Synthetic
from dashboard_tested import importance, verdict

import optimerge.dashboard

STATIC = Path(optimerge.dashboard.__path__[0]) / "static"
PLOTLY = Path(plotly.__path__[0]) / "package_data" / "plotly.min.js"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class Mock(ThreadingHTTPServer):
    """The runs by their id, and every path that was asked for."""

    daemon_threads = True

    def __init__(self, runs: list[Synthetic]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs = {run.id: run for run in runs}
        self.asked: list[str] = []
        self.broken = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Mock
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if parts.path == "/":
            self._send(200, "text/html", (STATIC / "index.html").read_bytes())
        elif parts.path == "/plotly.js":
            self._send(200, "text/javascript", PLOTLY.read_bytes(), "max-age=86400")
        elif found := re.fullmatch(r"/static/([\w.-]+)", parts.path):
            file = STATIC / found[1]
            if file.is_file():
                self._send(200, KINDS[file.suffix], file.read_bytes())
            else:
                self._json(404, {"error": "no such file"})
        elif self.server.broken:
            self._json(503, {"error": self.server.broken})
        else:
            status, answer = self._answer([unquote(p) for p in parts.path.split("/")[2:]], query)
            self._json(status, answer)

    def _answer(self, path: list[str], query: dict[str, list[str]]) -> tuple[int, Any]:
        runs = self.server.runs
        if path == ["runs"]:
            return 200, {
                "runs": [
                    {
                        "id": r.id,
                        "name": r.name,
                        "objectives": r.listed(),
                        "trials": r.shown,
                        "running": r.running,
                        "changed": None,
                        "error": "",
                    }
                    for r in runs.values()
                ]
            }
        if path == ["compare"]:
            some = [runs[i] for i in query["runs"][0].split(",")]
            if len({r.names for r in some}) > 1:
                return 200, {
                    "objectives": [],
                    "runs": [],
                    "error": "these runs have different objectives",
                }
            return 200, {
                "objectives": some[0].listed(),
                "runs": [
                    {
                        "id": r.id,
                        "name": r.name,
                        "front": {
                            "name": [t["name"] for t in r.front()],
                            "scores": {n: [t["scores"][n] for t in r.front()] for n in r.names},
                        },
                        "history": r.history(),
                    }
                    for r in some
                ],
            }
        run = runs.get(path[1])
        if run is None:
            return 404, {"error": f"there is no run {path[1]}"}
        if len(path) == 2:
            return 200, run.summary()
        what = path[2]
        if what == "trials" and len(path) == 3:
            if query.get("since") == [str(run.shown)]:
                return 304, None
            return 200, run.columns()
        if what == "history":
            return 200, run.history()
        if what == "importance":
            return 200, importance(run)
        if what == "verdict":
            return 200, verdict(run) if run.tested else {}
        if what == "certainty":
            return 200, {"p_front": {t["name"]: 0.74 for t in run.front()}, "p_beats": {}}
        if what == "choose":
            return self._choose(run, query)
        if what == "trials" and len(path) == 4:
            one = run.one(path[3])
            return (200, one) if one else (404, {"error": f"there is no trial {path[3]}"})
        if what == "trials" and path[4] == "diff":
            a, b = run.one(path[3]), run.one(path[5])
            assert a is not None
            assert b is not None
            both = [{"name": k, "a": a["params"][k], "b": b["params"][k]} for k in a["params"]]
            return 200, {
                "params": both,
                "recipe": "--- a\n+++ b\n@@ -1 +1 @@\n-weight: 1\n+weight: 2\n base",
            }
        if what == "trials" and path[4] == "items":
            return 200, run.items(
                path[3], path[5], query["only"][0], int(query.get("offset", ["0"])[0])
            )
        return 404, {"error": "no such address"}

    def _choose(self, run: Synthetic, query: dict[str, list[str]]) -> tuple[int, Any]:
        members = run.front()
        for limit in query.get("at_least", []):
            name, _, value = limit.rpartition(":")
            members = [m for m in members if m["scores"][name] >= float(value)]
        for limit in query.get("at_most", []):
            name, _, value = limit.rpartition(":")
            members = [m for m in members if m["scores"][name] <= float(value)]
        if not members:
            return 200, {"error": "no trial of the front keeps every limit"}
        how = query["how"][0]
        weights = {run.names[0]: 1.0}
        if how.startswith("weights:"):
            weights = {n: float(w) for n, _, w in (p.rpartition("=") for p in how[8:].split(","))}
        best = max(
            members, key=lambda m: sum(w * run.up(n) * m["scores"][n] for n, w in weights.items())
        )
        return 200, {
            "trial": best["name"],
            "reason": f"trial {best['name']} has the smallest weighted loss",
        }

    def _json(self, status: int, answer: Any) -> None:
        body = b"" if status == 304 else json.dumps(answer).encode()
        self._send(status, "application/json", body)

    def _send(self, status: int, kind: str, body: bytes, keep: str = "no-store") -> None:
        with suppress(ConnectionError):  # the page has gone on
            self._write(status, kind, body, keep)

    def _write(self, status: int, kind: str, body: bytes, keep: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", keep)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def mock(*runs: Synthetic) -> Iterator[Mock]:
    """Serve those runs until the block ends."""
    for run in runs:
        run.front()  # slow for thousands of trials, and no page shall wait for it
    with Mock(list(runs)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
