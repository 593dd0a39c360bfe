"""All addresses of the API."""

from optimerge.dashboard.resource import Resource
from optimerge.dashboard.resources import (
    certainty,
    choice,
    compare,
    diff,
    history,
    importance,
    items,
    runs,
    summary,
    trial,
    trials,
    verdict,
)

RESOURCES: tuple[Resource, ...] = tuple(
    module.RESOURCE
    for module in (
        *(runs, summary, trials, history, trial, diff, items),
        *(importance, certainty, verdict, choice, compare),
    )
)
