"""/api/runs/ID/choose: one trial, chosen by a person's preferences."""

from optimerge.dashboard.resource import Answer, Asked, Resource
from optimerge.errors import RunError
from optimerge.front.choose import HOW, make_choice
from optimerge.front.limits import parse_limit


class Chosen(Answer):
    """The choice, or why there is none."""

    trial: str | None
    reason: str = ""
    """Why this one, and what it gives up against the best of the front."""
    error: str = ""


def make(asked: Asked) -> Chosen:
    """Return the choice; search scores only are looked at."""
    snapshot = asked.source().now()
    try:
        limits = [
            *(parse_limit(_limit(text), "at_least") for text in asked.every("at_least")),
            *(parse_limit(_limit(text), "at_most") for text in asked.every("at_most")),
        ]
        choice = make_choice(snapshot.front, asked.one("how", "knee"), limits)
    except RunError as error:
        return Chosen(trial=None, error=str(error))
    return Chosen(trial=choice.trial.name, reason=choice.reason)


def _limit(text: str) -> str:
    """Return NAME=NUMBER of NAME:NUMBER, which needs no escapes in an address."""
    at = max(text.rfind(":"), text.rfind("="))
    return text if at < 0 else f"{text[:at]}={text[at + 1 :]}"


RESOURCE = Resource(
    "/api/runs/{run}/choose",
    Chosen,
    make,
    "One trial by a person's preferences, with the reason; an impossible wish is answered too.",
    {
        "how": HOW,
        "at_least": "NAME:NUMBER, a limit on a score; any number of times.",
        "at_most": "Likewise.",
    },
)
