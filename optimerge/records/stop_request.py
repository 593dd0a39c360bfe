"""A request that the searches of a run stop, kept with its study: whoever reads it obeys it.

So it works from another shell and from another machine. Every request has a token of its own: a
search obeys only one that it did not find when it started, so an old one stops no later search.
"""

import uuid
from dataclasses import dataclass

from optimerge.records.run import Run

STOP = "stop"
"""Key among the study's user attributes."""


@dataclass(frozen=True)
class StopRequest:
    """What was asked for."""

    token: str
    now: bool
    """At once, and the running trial is put back; else after the running trial."""


def ask_to_stop(run: Run, *, now: bool) -> StopRequest:
    """Ask every search that is at work in the run to stop."""
    request = StopRequest(uuid.uuid4().hex, now)
    run.search.set_user_attr(STOP, {"token": request.token, "now": request.now})
    return request


def last_request(run: Run) -> StopRequest | None:
    """Return the latest request, obeyed or not; None if there never was one."""
    kept = run.search.user_attrs.get(STOP)
    return StopRequest(str(kept["token"]), bool(kept["now"])) if kept else None


def last_token(run: Run) -> str:
    """Return what a search that starts now has to know of: the latest token, "" if none."""
    request = last_request(run)
    return request.token if request else ""
