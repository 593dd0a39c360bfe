"""Opens the run of a search, or makes it; a run of another space, or other items, is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from optimerge.errors import RunError
from optimerge.recipe.read import parse_yaml
from optimerge.records.run import (
    Run,
    RunInfo,
    create_run,
    find_run,
    with_plugins,
    with_trusted_code,
)
from optimerge.search.lock import making_the_run
from optimerge.space.same import first_difference, fixed_part, space_digest
from optimerge.space.space import SearchSpace


def refuse_other_space(run: Run, space: SearchSpace) -> None:
    """Raise RunError if a run was started with another space."""
    if run.info.digest == space_digest(space.data):
        return
    old = fixed_part(parse_yaml(run.info.space, run.info.space_file))
    found = first_difference(old, fixed_part(space.data)) or "it differs"
    raise RunError(
        f"{run.folder}: holds a run of another search space: {found}; "
        "give another --run-dir, or the space that the run was started with"
    )


def open_or_create(
    folder: Path, info: RunInfo, storage: str, artifacts: str, started: Run | None
) -> Run:
    """Return the run: `started`, if it was there; else looked for once more, or made."""
    run = started
    if run is None:
        with making_the_run(folder):
            run = find_run(folder, storage, artifacts)
            if run is None:
                return create_run(folder, info, storage, artifacts)
    if run.info.digest != info.digest:
        raise RunError(
            f"{folder}: a search of another space was started here at the same time; "
            "give another --run-dir"
        )
    if run.info.items != info.items:
        task = next(t for t in info.items if run.info.items.get(t) != info.items[t])
        raise RunError(
            f"{folder}: what {task!r} scores, its items or its code, is not what the run was "
            "started with; put its files back, or give another --run-dir"
        )
    if info.trust_code:
        run = with_trusted_code(run)
    run = with_plugins(run, info.plugins)
    return replace(run, info=replace(run.info, versions=info.versions))


def reach_artifacts(run: Run, warn: Callable[[str], None]) -> None:
    """Bring what waits here to the artifact store; RunError if the user did not name the store."""
    if run.info.artifacts:
        if away := run.artifacts.reach():
            warn(f"{away}; evidence waits in the run folder until it is back")
        run.artifacts.bring()
    elif run.info.storage:
        warn(
            "evidence of this run stays in its folder on each machine; to have it where all can "
            "read it, start a run with --artifacts"
        )
