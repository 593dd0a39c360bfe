"""Who may ask, and what a browser may do with the answer.

- Only GET and HEAD: nothing can be changed.
- The Host header must name this machine as it was bound: a page of a stranger whose name was made
  to lead to 127.0.0.1 (DNS rebinding) is refused.
- Bound to anything but loopback, a token is demanded: in the address once, then in a cookie that
  no script and no other site's page can use.
- A strict content security policy; no answer may be framed, or read by another origin.
"""

import hmac
import ipaddress
import socket
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from optimerge.dashboard.answering import said

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # plotly sets style attributes
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_LOCAL = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is bound there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Guard:
    """What is demanded."""

    host: str
    """What the server is bound to."""
    token: str = ""
    """"": none is demanded."""
    port: int = 0
    """Names the cookie, as browsers keep those of all ports together."""

    def knows(self, header: str) -> bool:
        """Whether a Host header names this machine as it was bound."""
        name = header.rpartition(":")[0] if _has_port(header) else header
        name = name.removeprefix("[").removesuffix("]").lower().rstrip(".")
        if name in _LOCAL or name == self.host.lower():
            return True
        if self.host not in ("0.0.0.0", "::", ""):
            return False
        return _is_address(name) or name in (socket.gethostname().lower(), socket.getfqdn().lower())

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"optimerge-{self.port}"

    def fits(self, given: str) -> bool:
        """Whether that is the token."""
        return hmac.compare_digest(given.encode(), self.token.encode())


class Guarded:
    """An application behind the guard."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        """Put the guard before an application."""
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket: there is none
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = list(message.get("headers", []))
                known = {key.lower() for key, _ in kept}
                more = {**HEADERS, "cache-control": "no-store"}
                kept += [
                    (k.encode(), v.encode()) for k, v in more.items() if k.encode() not in known
                ]
                message = {**message, "headers": kept}
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, sealed)
            return
        raw = scope.get("raw_path") or scope["path"].encode()
        # Escapes stay as they are until a part of the path is looked up: %2F is no /.
        plain = raw.partition(b"?")[0].decode("ascii", "replace")
        await self._app({**scope, "path": plain}, receive, sealed)

    def _refused(self, scope: Scope) -> Response | None:
        """Return the answer to who may not ask, or is to ask again with a cookie; None: go on."""
        if scope["method"] not in ("GET", "HEAD"):
            return said("only GET: a dashboard changes nothing", 405)
        found = [v.decode("latin-1") for k, v in scope["headers"] if k == b"host"]
        if len(found) != 1 or not self._guard.knows(found[0]):
            return said("the address's host is not one that this dashboard was started for", 421)
        if not self._guard.token:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for key, value in query if key == "token"]
        if given:
            if not self._guard.fits(given[-1]):
                return self._unknown()
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            return self._welcome(rest)
        return None if self._guard.fits(self._cookie(scope)) else self._unknown()

    def _cookie(self, scope: Scope) -> str:
        jar = SimpleCookie()
        for key, value in scope["headers"]:
            if key == b"cookie":
                try:
                    jar.load(value.decode("latin-1"))
                except CookieError:
                    return ""
        found = jar.get(self._guard.cookie)
        return "" if found is None else found.value

    def _welcome(self, query: str) -> Response:
        """Set the cookie, and lead to the page without the token.

        By a Refresh, not a redirect: a strict cookie does not come with a redirect that began on
        another site, as a link in a mail does.
        """
        answer = PlainTextResponse("The token is known; the dashboard opens.\n")
        answer.headers["refresh"] = f"0; url=/{'?' + query if query else ''}"
        answer.set_cookie(self._guard.cookie, self._guard.token, httponly=True, samesite="strict")
        return answer

    def _unknown(self) -> Response:
        return said(
            "this dashboard is open to other machines and asks for its token; open the address "
            "that `optimerge dashboard` printed",
            403,
        )


def _has_port(header: str) -> bool:
    return header.rpartition(":")[2].isdecimal() and (
        header.count(":") == 1 or header.startswith("[")
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
