"""Binds the port and serves until Ctrl-C."""

import errno
import logging
import secrets
import socket
from collections.abc import Callable

import uvicorn

from optimerge.dashboard.app import make_app
from optimerge.dashboard.security import Guard, is_loopback
from optimerge.dashboard.source import Sources
from optimerge.dashboard.warming import warming
from optimerge.errors import OptimergeError

GRACE = 2
"""Seconds that answers under way have when the server ends."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound; port 0 takes a free one. OptimergeError if it cannot be."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, proto)
    except (OSError, UnicodeError) as error:
        raise OptimergeError(f"--host {host}: is no address of this machine ({error})") from None
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(128)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise OptimergeError(
                f"--port {port}: is taken, by another dashboard perhaps; give another, or 0 for "
                "any that is free"
            ) from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise OptimergeError(f"--host {host}: is no address of this machine") from None
        raise OptimergeError(
            f"--host {host} --port {port}: cannot be used ({error.strerror})"
        ) from None
    return bound


def serve(sources: Sources, host: str, bound: socket.socket, tell: Callable[[str], None]) -> None:
    """Serve until a signal ends it, which is passed on; `tell` gets the address to open."""
    port = int(bound.getsockname()[1])
    token = "" if is_loopback(host) else secrets.token_urlsafe(24)
    app = make_app(sources, Guard(host, token, port))
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    tell(address(host, port, token))
    with warming(sources):
        uvicorn.Server(config).run(sockets=[bound])


def address(host: str, port: int, token: str) -> str:
    """Return what a browser is to open.

    >>> address("127.0.0.1", 8000, "")
    'http://127.0.0.1:8000/'
    >>> address("::", 80, "x").endswith(":80/?token=x")
    True
    """
    name = socket.gethostname() if host in ("0.0.0.0", "::", "") else host
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
