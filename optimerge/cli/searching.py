"""Runs a search for the commands `search` and `demo`: lock, load, loop, last words."""

import logging
import shlex
import time
from dataclasses import replace
from pathlib import Path

import click

from optimerge.cli.progress import SearchProgress
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import duration, err, out
from optimerge.cli.stopped import stopped_early
from optimerge.cli.stopping import stopping
from optimerge.cli.tables import front_screen
from optimerge.cli.workers import devices_for, end_with_supervisor, run_workers
from optimerge.export.recipe import export_text, write_export
from optimerge.front.choose import choose
from optimerge.front.feasible import none_feasible
from optimerge.front.front import Front, make_front
from optimerge.records.lease import new_worker
from optimerge.records.run import Run, find_run, make_writable, mend_journal, open_run, url_of
from optimerge.records.storage import kind_of
from optimerge.search.budget import make_budget
from optimerge.search.lock import joined
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
    storage: str = "",
    index: int | None = None,
) -> int:
    """Search until the budget is used or the user stops it; return the exit code (0 or 130).

    Other searches may be at work in the same run: `storage` is the URL of what keeps it, if not the
    folder, `index` the number of this worker, if it is given one.
    """
    sampler = chosen_sampler(space, allow_code=allow_code)
    make_writable(folder)
    started = time.monotonic()
    end_with_supervisor()
    with (
        joined(folder, index) as number,
        quiet(folder / "log.txt", scoring=True),
        stopping() as stop,
    ):
        _warn_of_sqlite(folder, storage, number)
        if cut := mend_journal(folder):
            log.warning("cut %d bytes of a torn last line off the journal", cut)
        if allow_code:
            _say("task files and the space may run their own Python (--allow-code)")
        session = open_session(
            space,
            folder,
            device=device,
            allow_code=allow_code,
            storage=storage,
            say=_say,
            warn=_warn,
        )
        session = replace(session, worker=new_worker(number))
        budget = make_budget(space.search.trials, space.search.hours)
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
        print_front(session.run)
        _next_commands(folder, space)
    return 130 if stop.requested else 0


def run_several(
    context: click.Context,
    space: SearchSpace,
    folder: Path,
    device: str,
    workers: int,
    storage: str = "",
) -> int:
    """Search with several worker processes; return the exit code (0 or 130)."""
    devices, started = devices_for(workers, device), time.monotonic()
    make_writable(folder)
    _warn_of_sqlite(folder, storage, workers - 1)
    with quiet(folder / "log.txt"):
        before = run.finished() if (run := find_run(folder, storage)) else 0
        budget = make_budget(space.search.trials, space.search.hours)
        code = run_workers(context, folder, devices, budget, storage)
        run = open_run(folder, storage)
        done, took = run.finished() - before, duration(time.monotonic() - started)
        out().print(f"{done} trials in {took}, by {workers} workers; run folder {folder}")
        print_front(run)
    _next_commands(folder, space)
    return code


def _warn_of_sqlite(folder: Path, storage: str, others: int) -> None:
    url = url_of(folder, storage)
    if others and url and kind_of(url) == "sqlite":
        _warn(
            "SQLite is for one worker, with several it may lose trials; leave --storage out on one "
            "machine, or give a PostgreSQL database"
        )


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
