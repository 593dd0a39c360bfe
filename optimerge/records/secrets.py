"""Takes secrets out of text: passwords in URLs, tokens in the environment.

Used for all that is kept or shown: notes of a run, logs, records of failures, exports.
"""

import logging
import os
import re
import traceback
from collections.abc import Mapping
from urllib.parse import unquote

from optimerge.errors import RunError

MASK = "***"
_NAMES = re.compile(
    r"(?:^|_)(?:TOKEN|PASSWORD|PASSWD|PASS|SECRET|APIKEY|API_KEY|ACCESS_KEY|PRIVATE_KEY)(?:_|$)"
    r"|^PGPASSWORD$|^MYSQL_PWD$",
    re.IGNORECASE,
)
"""Environment variables that hold a secret, by name: HF_TOKEN, AWS_SECRET_ACCESS_KEY, …"""
_LOCATIONS = re.compile(r"_(?:PATH|FILE|DIR)$", re.IGNORECASE)
"""Ends of names that say where a secret lies, which is none: HF_TOKEN_PATH."""
_SHORTEST = 6
"""Characters of a value below which it is taken for no secret: "1", "true" and "none" are words."""
_URL = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]{0,40}://)(?P<rest>[^\s'\"<>`]*)")
_NO_USER = re.compile(r"[^/?#@:]*(?::\d*)?(?:[/?#]|$)")
"""How a URL goes on that names a host at once, and no user."""
_QUERY = re.compile(r"[\w.-]+=")
_SECRET_KEY = re.compile(
    r"(?P<key>[?&;]"
    r"(?:[\w.-]{0,60}(?:password|passwd|pwd|secret|token(?!iz)|signature|credential)[\w.-]{0,60}"
    r"|(?:api[_-]?|access[_-]?)?key|pass|sig|auth)=)[^&;#\s'\"]*",
    re.IGNORECASE,
)
_KNOWN = re.compile(r"\bhf_[A-Za-z0-9]{20,}\b|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
"""Tokens that are known by their form, wherever they come from."""


def redacted(url: str) -> str:
    """Return a URL without its password and secret parameters; a text without URL as it is.

    >>> redacted("postgresql+psycopg://me:s3cret@db:5432/runs?sslmode=require&password=x")
    'postgresql+psycopg://me:***@db:5432/runs?sslmode=require&password=***'
    """
    return _URL.sub(lambda found: found["scheme"] + _without(found["rest"]), url)


def redacted_text(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return any text without the passwords of URLs, and without the environment's secrets.

    `environment`: by default this process's.
    """
    found = _KNOWN.sub(MASK, redacted(text))
    for secret in environment_secrets(os.environ if environment is None else environment):
        found = found.replace(secret, MASK)
    return found


def refuse_unquoted(option: str, url: str) -> None:
    """Raise RunError for a URL with spaces or quotes: a password's end is not known in it."""
    if re.search(r"[\s'\"<>`]", url):
        raise RunError(
            f"{option}: the URL holds a space or a quote; write it with %20, %27 or %22 instead"
        )


def without_secrets_of(text: str, url: str) -> str:
    """Return what somebody said of a URL, a driver in its error for one, without its secrets.

    >>> without_secrets_of("no password 'x1' for me", "mysql://me:x1@db/runs")
    "no password '***' for me"
    """
    found = redacted(text)
    for secret in sorted(_passwords(url) | _parameters(url), key=len, reverse=True):
        found = found.replace(secret, MASK)
    return found


def environment_secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the secrets that stand in environment variables, the longest first.

    Those are the values of variables that are called so, and the passwords of URLs in others.
    """
    secrets = set()
    for name, value in environment.items():
        if _NAMES.search(name) and not _LOCATIONS.search(name):
            secrets.add(value)
        if "://" in value:
            secrets.update(_passwords(value))
    return sorted((s for s in secrets if len(s) >= _SHORTEST), key=lambda s: (-len(s), s))


class SecretsFilter(logging.Filter):
    """Takes secrets out of every record of a handler: its message, its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; every record passes."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError, IndexError):  # the handler will complain of it
            return True
        record.msg, record.args = redacted_text(message), None
        if record.exc_info and not record.exc_text:
            lines = traceback.format_exception(*record.exc_info)
            record.exc_text = "".join(lines).rstrip("\n")
        if record.exc_text:
            record.exc_text = redacted_text(record.exc_text)
        if record.stack_info:
            record.stack_info = redacted_text(record.stack_info)
        return True


def _without(rest: str) -> str:
    place, at, path = _split(rest)
    if at:
        user, colon, password = place.partition(":")
        place = f"{user}:{MASK}" if colon and password else MASK if not colon else place
    return _SECRET_KEY.sub(lambda found: found["key"] + MASK, f"{place}{at}{path}")


def _split(rest: str) -> tuple[str, str, str]:
    """Return what stands before the host, the "@", and the host with all behind it.

    A password may hold any sign, where it was not quoted as it should be: then it ends at the last
    "@" that does not stand in a query.
    """
    if _NO_USER.match(rest):
        return "", "", rest
    head, mark, query = rest.partition("?")
    if "@" not in head or ("@" in query and not _QUERY.match(query)):
        head, mark, query = rest, "", ""  # the "?" stands in the password
    place, at, path = head.rpartition("@")
    return place, at, f"{path}{mark}{query}"


def _parameters(text: str) -> set[str]:
    """Return the values of secret parameters of the URLs in a text."""
    found = set()
    for each in _SECRET_KEY.finditer(text):
        secret = each[0].removeprefix(each["key"])
        found |= {secret, unquote(secret)} - {""}
    return found


def _passwords(text: str) -> set[str]:
    """Return the passwords of the URLs in a text, as they stand there and unquoted."""
    found = set()
    for url in _URL.finditer(text):
        place, at, _ = _split(url["rest"])
        user, colon, password = place.partition(":")
        secret = password if colon else user
        if at and secret:
            found |= {secret, unquote(secret)}
    return found
