"""Runs a search for the commands `search` and `demo`: lock, load, loop, last words."""

import logging
import shlex
import time
from dataclasses import replace
from pathlib import Path

from optimerge.cli.ending import told_of_the_end
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
from optimerge.records.full_disk import waiting_for_room
from optimerge.records.plain import plain
from optimerge.records.run import Run, make_writable, mend_journal, open_run
from optimerge.search.again import Again, handed_over, start_again
from optimerge.search.budget import make_budget
from optimerge.search.hooks import Hooks, host_of
from optimerge.search.listening import listening
from optimerge.search.lock import sole_writer
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.search.samplers.unrepeated import SpaceUsedUpError
from optimerge.search.session import open_session
from optimerge.search.study import search
from optimerge.search.watch import Watch
from optimerge.space.space import SearchSpace

NO_HOOKS = Hooks()
log = logging.getLogger(__name__)


def run_search(
    space: SearchSpace,
    folder: Path,
    device: str,
    *,
    allow_code: bool = False,
    trust_code: bool = False,
    last_words: bool = True,
    hooks: Hooks = NO_HOOKS,
) -> int:
    """Search until the budget is used or it is stopped; return the exit code (0; 130 or 143)."""
    sampler = chosen_sampler(space, allow_code=allow_code)
    make_writable(folder)
    before_us = handed_over(folder)
    started = before_us.started if before_us else time.monotonic()
    with (
        sole_writer(folder),
        quiet(folder / "log.txt", scoring=True),
        stopping() as stop,
        waiting_for_room(_note, lambda: stop.requested),
        told_of_the_end(hooks, stop, folder.name, _note, started) as ending,
    ):
        if hooks.webhook:
            _say(f"{host_of(hooks.webhook)} will be told of the end (webhook)")
        if cut := mend_journal(folder):
            log.warning("cut %d bytes of a torn last line off the journal", cut)
        if allow_code:
            _say("task files and the space may run their own Python (--allow-code)")
        session = open_session(
            space,
            folder,
            device=device,
            allow_code=allow_code,
            trust_code=trust_code,
            say=_say,
            warn=_note,
        )
        ending.run = session.run
        asked = space.search
        budget = make_budget(asked.trials, asked.hours, asked.until)
        if before_us:
            budget = replace(budget, started=started, end=before_us.end)
            session = replace(session, heard=before_us.heard)

        def start_over() -> None:
            if not stop.requested:
                place = str(folder.resolve())
                start_again(Again(place, budget.started, budget.end, session.heard))

        limit = 60 * asked.trial_timeout if asked.trial_timeout else None
        watch = Watch(limit, start_over, again=before_us is not None)
        session = replace(session, watch=watch)
        before = session.run.finished()
        used_up = ""
        with SearchProgress(session.run, budget) as progress:
            try:
                with listening(session.run, stop, session.heard, _note):
                    search(session, budget, sampler, stop, progress, warn=_note)
            except SpaceUsedUpError as found:
                used_up = ending.reason = str(found)
    if used_up:
        _note(used_up)
    if last_words:
        done = session.run.finished() - before
        out().print(f"{done} trials in {duration(time.monotonic() - started)}; run folder {folder}")
        print_front(open_run(folder))
        _next_commands(folder, space)
    return stop.code if stop.requested else 0


def _say(text: str) -> None:
    err().print(f"{text} ...", style="dim")


def _note(text: str) -> None:
    err().print(f"note: {text}")


def front_of(run: Run) -> Front:
    """Return the run's front, measured from the reference point that the run fixed."""
    return make_front(run.trials(), run.info.objectives, run.reference, run.scales)


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
        console.print(f"{plain(none_feasible(front.trials))}\n")
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
