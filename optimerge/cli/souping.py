"""Cooks a soup for the command `soup`: lock, load, steps as they happen, the recipe."""

import math
from pathlib import Path

from optimerge.cli.quiet import quiet
from optimerge.cli.screen import err, note, out, say
from optimerge.cli.stopping import stopping
from optimerge.cli.written import wrote
from optimerge.export.recipe import export_text, write_export
from optimerge.recipe.files import SOUP
from optimerge.records.keys import LOG
from optimerge.records.run import find_run, mend_journal
from optimerge.search.listening import listening
from optimerge.search.lock import sole_writer
from optimerge.search.run_folder import run_folder
from optimerge.search.session import Session, open_session
from optimerge.search.soup import Step, greedy_soup, task_objectives
from optimerge.space.settings import overridden
from optimerge.space.space import SearchSpace


def run_soup(
    space: SearchSpace,
    folder: Path,
    file: Path | None,
    device: str,
    *,
    allow_code: bool = False,
    trust_code: bool = False,
    storage: str = "",
    artifacts: str = "",
) -> int:
    """Make a greedy soup and write its recipe; return the exit code (0; 130 or 143 if stopped).

    `storage`, `artifacts`: URLs of what keeps the run, and its evidence, if not the folder.
    """
    with (
        run_folder(folder) as made,
        sole_writer(folder),
        quiet(folder / LOG, scoring=True),
        stopping() as stop,
    ):
        mend_journal(folder)
        wanted = _as_run(space, folder, storage)
        session = open_session(
            wanted,
            folder,
            device=device,
            allow_code=allow_code,
            trust_code=trust_code,
            storage=storage,
            artifacts=artifacts,
            say=say,
        )
        made.holds_run = True
        experts = len(session.models.checkpoints) - 1
        tasks = ", ".join(task_objectives(session))
        out().print(f"greedy soup of {experts} experts, by the mean search score of {tasks}\n")
        steps = []
        with listening(session.run, stop, session.heard, note):
            for step in greedy_soup(session, stop):
                steps.append(step)
                out().print(_line(step, first=len(steps) == 1))
        session.run.artifacts.bring()
        if stop.requested:
            err().print("stopped; the same command goes on")
            return stop.code
        _write(session, steps, experts, file or folder / SOUP)
    return 0


def _as_run(space: SearchSpace, folder: Path, storage: str) -> SearchSpace:
    """Return the space with the settings of the run, if there is one: seed, mode, task vectors.

    A search takes them from its command line; a soup is scored as that search scores.
    """
    run = find_run(folder, storage)
    if run is None:
        return overridden(space)
    info = run.info
    return overridden(space, seed=info.seed, exact=info.exact, task_vectors=info.task_vectors)


def _line(step: Step, *, first: bool) -> str:
    if first:
        return f"  {step.expert}  {step.mean:.4f}  starts the soup"
    if math.isnan(step.mean):
        return f"+ {step.expert}  failed, left out: {step.trial.error}"
    return f"+ {step.expert}  {step.mean:.4f}  {'kept' if step.kept else 'left out'}"


def _write(session: Session, steps: list[Step], experts: int, file: Path) -> None:
    last = [step for step in steps if step.kept]
    names = ", ".join(step.expert for step in last)
    found = (
        f"greedy soup of {len(last)} of {experts} experts ({names}), mean search score "
        f"{last[-1].mean:.4f}, of the best expert {steps[0].mean:.4f}"
    )
    other = write_export(export_text(session.run, last[-1].trial, found), file)
    out().print(f"\n{found}\n{wrote(file, other=other)}")
