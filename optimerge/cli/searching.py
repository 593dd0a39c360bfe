"""Runs a search for the commands `search` and `demo`: lock, load, loop, last words."""

import logging
import shlex
import time
from dataclasses import replace
from pathlib import Path

import click

from optimerge.cli.devices import array_index, devices_for
from optimerge.cli.ending import told_of_the_end
from optimerge.cli.fronts import print_front
from optimerge.cli.next_steps import search_command, steps
from optimerge.cli.progress import SearchProgress
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import duration, note, out, say
from optimerge.cli.stopping import stopping
from optimerge.cli.worker import end_with_supervisor
from optimerge.cli.workers import run_workers
from optimerge.front.feasible import no_merge_feasible
from optimerge.front.front import front_of
from optimerge.records.full_disk import waiting_for_room
from optimerge.records.keys import LOG
from optimerge.records.lease import new_worker
from optimerge.records.run import Run, find_run, mend_journal, url_of
from optimerge.records.stop_request import last_token
from optimerge.records.storage import kind_of
from optimerge.search.again import Again, handed_over, start_again
from optimerge.search.budget import Budget, Stop, make_budget
from optimerge.search.hooks import Hooks, host_of
from optimerge.search.listening import listening
from optimerge.search.lock import joined
from optimerge.search.run_folder import run_folder
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.search.samplers.named import NamedSampler
from optimerge.search.samplers.unrepeated import SpaceUsedUpError
from optimerge.search.session import Session, open_session
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
    storage: str = "",
    artifacts: str = "",
    index: int | None = None,
) -> int:
    """Search until the budget is used or it is stopped; return the exit code (0; 130 or 143).

    Other searches may be at work in the same run: `storage` is the URL of what keeps it, if not the
    folder, `artifacts` that of what keeps its evidence, `index` the number of this worker, if it is
    given one.
    """
    sampler = chosen_sampler(space, allow_code=allow_code)
    before_us = handed_over(folder)
    started = before_us.started if before_us else time.monotonic()
    end_with_supervisor()
    if index is None and url_of(folder, storage):
        index = array_index()
    with (
        run_folder(folder) as made,
        joined(folder, index) as number,
        quiet(folder / LOG, scoring=True),
        stopping() as stop,
        waiting_for_room(note, lambda: stop.requested),
        told_of_the_end(hooks, stop, folder.name, note, started) as ending,
    ):
        _say_who_is_told(hooks)
        _warn_of_sqlite(folder, storage, number)
        if cut := mend_journal(folder):
            log.warning("cut %d bytes of a torn last line off the journal", cut)
        if allow_code:
            say("task files and the space may run their own Python (--allow-code)")
        if last_words and not before_us:
            _say_if_used_up(find_run(folder, storage, artifacts), space)
        session = open_session(
            space,
            folder,
            device=device,
            allow_code=allow_code,
            trust_code=trust_code,
            storage=storage,
            artifacts=artifacts,
            say=say,
            warn=note,
        )
        ending.run, made.holds_run = session.run, True
        session, budget = _going_on(session, space, folder, stop, before_us, started, number)
        before = session.run.finished()
        used_up = _searched(session, budget, sampler, stop)
        ending.reason = used_up or ending.reason
    if used_up:
        note(used_up)
    if last_words:
        _last_words(session.run, before, time.monotonic() - started, space)
    return stop.code if stop.requested else 0


def _going_on(
    session: Session,
    space: SearchSpace,
    folder: Path,
    stop: Stop,
    before_us: Again | None,
    started: float,
    number: int,
) -> tuple[Session, Budget]:
    """Return the session with its worker and its watch over hung trials, and the budget.

    What the search before handed over, if this process replaced one, holds on.
    """
    asked = space.search
    budget = make_budget(asked.trials, asked.hours, asked.until)
    if before_us:
        budget = replace(budget, started=started, end=before_us.end)
        session = replace(session, heard=before_us.heard)
    heard = session.heard

    def start_over() -> None:
        if not stop.requested:
            start_again(Again(str(folder.resolve()), budget.started, budget.end, heard))

    limit = 60 * asked.trial_timeout if asked.trial_timeout else None
    watch = Watch(limit, start_over, again=before_us is not None and before_us.hung)
    return replace(session, watch=watch, worker=new_worker(number)), budget


def _searched(session: Session, budget: Budget, sampler: NamedSampler, stop: Stop) -> str:
    """Search; return why nothing more can be proposed, "" if that is not why it ends."""
    with SearchProgress(session.run, budget) as progress:
        try:
            with listening(session.run, stop, session.heard, note):
                search(session, budget, sampler, stop, progress, warn=note)
        except SpaceUsedUpError as found:
            return str(found)
        finally:
            _bring_evidence(session.run)
    return ""


def run_several(
    context: click.Context,
    space: SearchSpace,
    folder: Path,
    device: str,
    workers: int,
    storage: str = "",
    artifacts: str = "",
    hooks: Hooks = NO_HOOKS,
) -> int:
    """Search with several worker processes; return the exit code (0; 130 or 143)."""
    devices, asked = devices_for(workers, device, space.search.device_map), space.search
    _warn_of_sqlite(folder, storage, workers - 1)
    with (
        run_folder(folder) as made,
        quiet(folder / LOG),
        stopping() as stop,
        told_of_the_end(hooks, stop, folder.name, note) as ending,
    ):
        _say_who_is_told(hooks)
        before, heard = 0, ""
        if run := find_run(folder, storage, artifacts):
            before, heard = run.finished(), last_token(run)
            _say_if_used_up(run, space)
        budget = make_budget(asked.trials, asked.hours, asked.until)
        since = Again(str(folder.resolve()), budget.started, budget.end, heard, hung=False)
        try:
            run_workers(context, folder, devices, budget, (storage, artifacts), stop, since)
        finally:
            made.holds_run = True  # unless it is seen that it does not
            ending.run = run = find_run(folder, storage, artifacts)
            made.holds_run = run is not None
    if run:
        _last_words(run, before, budget.elapsed, space, f", by {workers} workers")
    return stop.code if stop.requested else 0


def _say_if_used_up(run: Run | None, space: SearchSpace) -> None:
    """Say that the run has all its trials, before the models are loaded for nothing."""
    asked = space.search
    goal = make_budget(asked.trials, asked.hours, asked.until).trials
    if run is None or goal is None or (done := run.finished()) < goal:
        return
    note(
        f"the run has {done} of the {goal} trials asked for; --trials counts all of the run's: "
        f"give --trials {done + goal} for {goal} more"
    )


def _say_who_is_told(hooks: Hooks) -> None:
    if hooks.webhook:
        say(f"{host_of(hooks.webhook)} will be told of the end (webhook)")


def _last_words(
    run: Run, before: int, seconds: float, space: SearchSpace, by_whom: str = ""
) -> None:
    done, took = run.finished() - before, duration(seconds)
    out().print(f"{done} trials in {took}{by_whom}; run folder {run.folder}")
    print_front(run)
    _next_commands(run, space)


def _warn_of_sqlite(folder: Path, storage: str, others: int) -> None:
    url = url_of(folder, storage)
    if others and url and kind_of(url) == "sqlite":
        note(
            "SQLite is for one worker, with several it may lose trials; leave --storage out on one "
            "machine, or give a PostgreSQL database"
        )


def _bring_evidence(run: Run) -> None:
    """Bring what waited for the artifact store to it, or say how much still waits."""
    if left := run.artifacts.bring():
        where = run.artifacts.local.where
        note(f"{left} files wait in {where} for {run.info.artifacts}; the next search brings them")


def _next_commands(run: Run, space: SearchSpace) -> None:
    named = shlex.quote(str(run.folder))
    commands = [
        (f"optimerge test {named}", "does it win on items that the search never saw"),
        (f"optimerge export {named}", "the knee of the front as a recipe"),
    ]
    if no_merge_feasible(front_of(run).trials):
        commands = [(f"optimerge front {named} --all", "what each trial misses")]
    commands.insert(0, (f"optimerge show {named} TRIAL", "one trial whole"))
    commands.append((f"{search_command(space.file, run.folder)} --trials N", "go on"))
    out().print(f"\nNext:\n{steps(commands)}")
