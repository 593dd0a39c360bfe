"""Runs a search for the commands `search` and `demo`: lock, load, loop, last words."""

import logging
import shlex
import time
from pathlib import Path

from optimerge.cli.progress import SearchProgress
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import duration, err, out
from optimerge.cli.stopped import stopped_early
from optimerge.cli.stopping import stopping
from optimerge.cli.tables import front_screen
from optimerge.export.recipe import export_text, write_export
from optimerge.front.choose import choose
from optimerge.front.feasible import none_feasible
from optimerge.front.front import Front, make_front
from optimerge.records.run import Run, make_writable, mend_journal, open_run
from optimerge.search.budget import make_budget
from optimerge.search.lock import sole_writer
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.search.samplers.unrepeated import SpaceUsedUpError
from optimerge.search.session import open_session
from optimerge.search.study import search
from optimerge.space.space import SearchSpace

log = logging.getLogger(__name__)


def run_search(
    space: SearchSpace,
    folder: Path,
    device: str,
    *,
    allow_code: bool = False,
    last_words: bool = True,
) -> int:
    """Search until the budget is used or the user stops it; return the exit code (0 or 130)."""
    sampler = chosen_sampler(space, allow_code=allow_code)
    make_writable(folder)
    started = time.monotonic()
    with sole_writer(folder), quiet(folder / "log.txt", scoring=True), stopping() as stop:
        if cut := mend_journal(folder):
            log.warning("cut %d bytes of a torn last line off the journal", cut)
        if allow_code:
            _say("task files and the space may run their own Python (--allow-code)")
        session = open_session(
            space, folder, device=device, allow_code=allow_code, say=_say, warn=_warn
        )
        budget = make_budget(space.search.trials, space.search.hours, space.search.until)
        before = session.run.finished()
        used_up = ""
        with SearchProgress(session.run, budget) as progress:
            try:
                search(session, budget, sampler, stop, progress, warn=_warn)
            except SpaceUsedUpError as found:
                used_up = str(found)
    if used_up:
        _warn(used_up)
    if last_words:
        done = session.run.finished() - before
        out().print(f"{done} trials in {duration(time.monotonic() - started)}; run folder {folder}")
        print_front(open_run(folder))
        _next_commands(folder, space)
    return 130 if stop.requested else 0


def _say(text: str) -> None:
    err().print(f"{text} ...", style="dim")


def _warn(text: str) -> None:
    err().print(f"note: {text}")


def front_of(run: Run) -> Front:
    """Return the run's front, measured from the reference point that the run fixed."""
    scales = run.search.user_attrs.get("scales")
    return make_front(run.trials(), run.info.objectives, run.reference, scales)


def print_front(run: Run, most: int | None = None) -> None:
    """Print the front (`most`: at most so many members) with its hypervolume, parents marked."""
    front, early = front_of(run), stopped_early(run.trials())
    console = out()
    console.print(
        f"\nPareto front of run {run.name}: {len(front.members)} of {len(front.trials)} trials, "
        f"hypervolume {front.relative_hypervolume:.3f} (in units of the parents' range)"
    )
    console.print(f"Stopped early: {early}\n" if early else "")
    if not front.trials:
        return
    if not front.members:
        console.print(f"{none_feasible(front.trials)}\n")
    table, legend = front_screen(front, most)
    console.print(table)
    console.print(legend, style="dim")


def _next_commands(folder: Path, space: SearchSpace) -> None:
    run = shlex.quote(str(folder))
    out().print(
        f"\nNext:\n  optimerge show {run} TRIAL       one trial whole\n"
        f"  optimerge export {run}           the knee of the front as a recipe\n"
        f"  optimerge search {shlex.quote(str(space.file))} --trials N   go on"
    )


def export_trial(folder: Path, how: str, file: Path | None) -> str:
    """Return the recipe text of the trial that `how` picks, and write it to `file` if given."""
    run = open_run(folder)
    trial = choose(front_of(run), how)
    text = export_text(
        run, trial, "picked by name" if how.startswith("trial:") else f"picked by {how}"
    )
    if file is not None:
        write_export(text, file)
    return text
