"""A Hugging Face Hub on loopback: repositories, large files, commits; and what it was asked."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_0123456789abcdefghijklmnopqrstuvwx"
LARGE = (".safetensors", "tokenizer.json")


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


@dataclass
class Hub:
    """What the server holds and was told; tests set what it refuses."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    """Digests of the large files that arrived, each time."""
    tokens: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    refuse_making: int = 0
    """Status of the answer to a new repository, if it is refused."""
    refuse_below: int = 0
    """Large files of fewer bytes are refused."""


@contextmanager
def fake_hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self._api(b"")

        def do_POST(self) -> None:
            self._api(self._body())

        def do_PUT(self) -> None:
            body, digest = self._body(), self.path.rpartition("/")[2]
            hub.asked.append(f"PUT {self.path}")
            if len(body) < hub.refuse_below:
                return self._answer(400, {"error": "this file is refused"})
            assert hashlib.sha256(body).hexdigest() == digest
            hub.blobs[digest] = body
            hub.sent.append(digest)
            return self._answer(200, {})

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _api(self, body: bytes) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(f"{self.command} {path}")
            given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            hub.tokens.add(given)
            if given != TOKEN:
                return self._answer(401, {"error": "Invalid username or password."})
            parts = path.strip("/").split("/")
            if path == "/api/repos/create":
                return self._create(json.loads(body))
            if path == "/api/validate-yaml":
                return self._answer(200, {"warnings": [], "errors": []})
            if path.endswith(".git/info/lfs/objects/batch"):
                return self._batch(json.loads(body))
            name = "/".join(parts[2:4])
            repository = hub.repositories.get(name)
            if repository is None:
                return self._answer(404, {"error": "Repository not found"}, "RepoNotFound")
            if parts[4:5] == ["preupload"]:
                return self._modes(json.loads(body), repository)
            if parts[4:5] == ["commit"]:
                return self._commit(name, body, repository)
            siblings = [{"rfilename": each} for each in repository.files]
            return self._answer(
                200, {"id": name, "private": repository.private, "siblings": siblings}
            )

        def _create(self, asked: dict[str, Any]) -> None:
            name = f"{asked['organization']}/{asked['name']}"
            if hub.refuse_making:
                return self._answer(hub.refuse_making, {"error": "You don't have the rights"})
            if name in hub.repositories:
                return self._answer(409, {"error": "You already created this model repo"})
            hub.repositories[name] = Repository(
                asked.get("visibility") == "private" or bool(asked.get("private"))
            )
            return self._answer(200, {"url": f"{hub.url}/{name}"})

        def _modes(self, asked: dict[str, Any], repository: Repository) -> None:
            files = [
                {
                    "path": each["path"],
                    "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for each in asked["files"]
            ]
            self._answer(200, {"files": files})

        def _batch(self, asked: dict[str, Any]) -> None:
            objects = []
            for each in asked["objects"]:
                upload = {"upload": {"href": f"{hub.url}/lfs/{each['oid']}"}}
                known = each["oid"] in hub.blobs
                objects.append({**each, **({} if known else {"actions": upload})})
            self._answer(200, {"transfer": "basic", "objects": objects})

        def _commit(self, name: str, body: bytes, repository: Repository) -> None:
            for line in body.splitlines():
                item = json.loads(line)
                value = item["value"]
                if item["key"] == "file":
                    repository.files[value["path"]] = base64.b64decode(value["content"])
                elif item["key"] == "lfsFile":
                    repository.files[value["path"]] = hub.blobs[value["oid"]]
            repository.commits += 1
            oid = f"{repository.commits:040x}"
            self._answer(
                200,
                {"success": True, "commitOid": oid, "commitUrl": f"{hub.url}/{name}/commit/{oid}"},
            )

        def _answer(self, status: int, data: dict[str, Any], code: str = "") -> None:
            content = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if code:
                self.send_header("X-Error-Code", code)
            if status >= 400 and "error" in data:
                self.send_header("X-Error-Message", data["error"])
            self.end_headers()
            self.wfile.write(content)

    return Handler
