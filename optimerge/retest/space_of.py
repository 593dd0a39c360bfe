"""The search space that a run was started with, read back from its records."""

from pathlib import Path

from optimerge.errors import RunError
from optimerge.recipe.read import parse_yaml
from optimerge.records.run import Run
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace


def space_of(run: Run) -> SearchSpace:
    """Return the space of a run; relative paths in it are relative to where its file lay."""
    file = run.info.space_file
    return make_space(parse_yaml(run.info.space, file), Path(file))


def refuse_other_items(run: Run, digests: dict[str, str]) -> None:
    """Raise RunError if a task's search items are not those that the run was started with."""
    for name, digest in digests.items():
        if run.info.items.get(name, digest) != digest:
            raise RunError(
                f"{run.folder}: the items of {name!r} are not those that the run was started with; "
                "put the task's files back"
            )
