"""Refuses to score on other documents than a run did."""

from collections.abc import Mapping

from optimerge.errors import RunError
from optimerge.records.run import Run


def refuse_other_items(run: Run, digests: Mapping[str, str]) -> None:
    """Raise RunError if a task's search items are not those that the run was started with."""
    for name, digest in digests.items():
        if run.info.items.get(name, digest) != digest:
            raise RunError(
                f"{run.folder}: the items of {name!r} are not those that the run was started with; "
                "put the task's files back"
            )
