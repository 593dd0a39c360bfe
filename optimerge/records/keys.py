"""What a run's files, studies and attributes are called, and when a trial counts.

Imports nothing heavy: who only looks at a run in passing reads these.
"""

from collections.abc import Mapping
from typing import Any

from optimerge.records.origins import SAMPLER, WITHDRAWN, is_parent

FORMAT = 2
"""Of what the study's attributes and the evidence hold: a run of another one is not opened."""
JOURNAL = "study.journal"
LOCK = "search.lock"
LOG = "log.txt"
WORKERS = "workers"
"""Folder of a run with a lock for each worker's index."""
SEARCH, PARENTS, TEST = "search", "parents", "test"
"""The studies of a run."""
GOAL, ENDS = "goal", "ends"
"""Keys of the study "search": trials that the last search was asked for, when its time is up."""
LOOKS, LOOKING = "looks", "looking"
"""Keys of the study "test": how often the test items were looked at; whether the last look was cut
short, and goes on."""
WAS = "was"
"""Key of the origin of a trial that was interrupted: its point is asked for again."""


def marked_withdrawn(kept: Mapping[str, Any]) -> bool:
    """Whether attributes mark a trial as withdrawn; it is, unless it was told all the same."""
    return WAS in kept or kept.get("origin") == WITHDRAWN


def origin_in(kept: Mapping[str, Any]) -> str:
    """Return where a trial with these attributes comes from, if it is not withdrawn."""
    return str(kept.get(WAS) or kept.get("origin", SAMPLER))


def counts(origin: str, *, parents: bool) -> bool:
    """Whether an ended trial of that origin counts against a budget.

    `parents`: it stands in the study of the parents, else in that of the space's points.
    """
    return origin != WITHDRAWN and is_parent(origin) is parents
