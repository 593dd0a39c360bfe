"""Tells the world that a search has ended: runs a command, posts to a URL.

Neither can lose a run: what goes wrong with them is a warning. No message and no log names more of
a URL than its host, and nothing of a command: both may hold secrets.
"""

import json
import logging
import os
import signal
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from optimerge.errors import RunError

log = logging.getLogger(__name__)

LIMIT = 60.0
"""Seconds that a hook may take."""


class HookError(Exception):
    """A hook that did not do its work, in words."""


@dataclass(frozen=True)
class Hooks:
    """What is done when a search ends, however it ends."""

    command: str | None = field(default=None, repr=False)
    """Run by the shell, with the summary as JSON on its standard input."""
    webhook: str | None = field(default=None, repr=False)
    """Where the summary is posted to."""


def make_hooks(
    command: str | None,
    webhook: str | None,
    in_space: str | None,
    file: str,
    *,
    allow_code: bool,
) -> Hooks:
    """Return the hooks to run; RunError for one that may not be, or cannot work.

    Args:
        command: Given by the user.
        webhook: Given by the user or the space.
        in_space: A command that the space's file names; runs only if `allow_code`.
        file: That file's name.
        allow_code: Whether what the space names may run.
    """
    if command is None and in_space is not None and not allow_code:
        raise RunError(
            f"{file}: search.on_finish is a command to run; read it, and give --allow-code if you "
            "trust it, or --on-finish with one of yours"
        )
    if webhook is not None:
        _checked(webhook)
    return Hooks(in_space if command is None else command, webhook)


def host_of(url: str) -> str:
    """Return what may be shown of a URL."""
    return urlsplit(url).hostname or ""


def run_hooks(hooks: Hooks, summary: Mapping[str, Any], warn: Callable[[str], None]) -> None:
    """Run them one after the other; `warn` is told of what does not work."""
    body = json.dumps(summary, allow_nan=False).encode()
    if hooks.command is not None:
        _try("the command of on_finish", lambda: _run(hooks.command or "", body), warn)
    if hooks.webhook is not None:
        where = f"the webhook at {host_of(hooks.webhook)}"
        _try(where, lambda: _in_time(lambda: _post(hooks.webhook or "", body)), warn)


def _try(what: str, do: Callable[[], None], warn: Callable[[str], None]) -> None:
    try:
        do()
        log.info("%s was told of the end", what)
    except (HookError, OSError) as error:
        why = str(error) if isinstance(error, HookError) else error.strerror or type(error).__name__
        log.warning("%s failed", what)
        warn(f"{what} failed: {why}; the run is as it is")


def _run(command: str, body: bytes) -> None:
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(body)
        given.seek(0)
        process = subprocess.Popen(
            command,
            shell=True,
            stdin=given,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise HookError(f"it took longer than {LIMIT:g} seconds and was ended") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if code:
            raise HookError(f"it ended with exit code {code}{_last_line(said)}")


def _last_line(said: IO[bytes]) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - 2000))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return f": {lines[-1].strip()}" if lines else ""


def _in_time(do: Callable[[], None]) -> None:
    """Do it in a thread that is left behind when time is up: names are looked up without limit."""
    raised: list[Exception] = []

    def work() -> None:
        try:
            do()
        except Exception as error:
            raised.append(error)

    thread = Thread(target=work, name="webhook", daemon=True)
    thread.start()
    thread.join(LIMIT)
    if thread.is_alive():
        raise HookError(f"it took longer than {LIMIT:g} seconds")
    if raised:
        raise raised[0]


class _NoRedirect(HTTPRedirectHandler):
    """What is sent elsewhere is not sent: it would leave the host that the user named."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(url: str, body: bytes) -> None:
    parts = _checked(url)
    headers = {"Content-Type": "application/json", "User-Agent": "optimerge"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    request = Request(urlunsplit(bare), data=body, headers=headers, method="POST")
    try:
        with build_opener(_NoRedirect).open(request, timeout=LIMIT):
            pass
    except HTTPError as error:
        error.close()
        raise HookError(f"it answered {error.code}") from None
    except URLError as error:
        reason = error.reason
        why = reason.strerror if isinstance(reason, OSError) else None
        raise HookError(f"it cannot be reached ({why or type(reason).__name__})") from None
    except (OSError, ValueError) as error:  # their texts may hold the URL
        raise HookError(f"it cannot be reached ({type(error).__name__})") from None


def _checked(url: str) -> SplitResult:
    """Return a URL's parts; RunError, which does not repeat it, if nothing can be posted to it."""
    remedy = "give one like https://HOST/PATH"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise RunError(f"the webhook is no URL; {remedy}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RunError(f"the webhook is no http or https URL with a host; {remedy}")
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise RunError(
            f"the webhook at {parts.hostname} holds characters that no URL has; {remedy}"
        )
    return parts
