"""Retests a run for the command `test`: what it will score, progress, the table."""

import shlex
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.progress import Progress, TaskID

from optimerge.cli.bars import talking_bar
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import clock_in, duration, err, note, number, out, say
from optimerge.cli.stopping import stopping
from optimerge.cli.streams import same_bytes
from optimerge.cli.verdict import print_verdict
from optimerge.errors import RunError
from optimerge.records.keys import LOG
from optimerge.records.plain import plain
from optimerge.records.run import Run
from optimerge.records.types import Trial
from optimerge.retest.plan import Plan, Wanted
from optimerge.retest.tested import Results
from optimerge.retest.verdict import make_verdict
from optimerge.retest.work import retest_run


def run_test(
    run: Run,
    wanted: Wanted,
    device: str,
    form: str,
    file: Path | None = None,
    *,
    report: Path | None = None,
    allow_code: bool = False,
    trust_code: bool = False,
    storage: str = "",
    artifacts: str = "",
) -> int:
    """Score a run on its test items, show what that proves; return the exit code.

    That is 0, and 130 or 143 if it was stopped. `form`, `file`: see `show_verdict`.
    """
    with (
        quiet(run.folder / LOG, scoring=True),
        stopping() as stop,
        TestProgress() as progress,
    ):
        results = retest_run(
            run,
            wanted,
            device,
            report=report,
            allow_code=allow_code,
            trust_code=trust_code,
            storage=storage,
            artifacts=artifacts,
            stop=stop,
            observer=progress,
            say=say,
            warn=note,
        )
    if stop.requested:
        folder = shlex.quote(str(run.folder))
        err().print(f"stopped; `optimerge test {folder}` goes on")
        return stop.code
    show_verdict(run, results, form, file)
    return 0


def show_verdict(run: Run, results: Results | None, form: str, file: Path | None = None) -> None:
    """Print what a run's tests prove, or write it to a file; RunError if there was no test.

    `form`: table (for the screen), md or json.
    """
    from optimerge.export.file import write_file
    from optimerge.retest.as_json import to_json
    from optimerge.retest.as_markdown import to_markdown

    if results is None:
        folder = shlex.quote(str(run.folder))
        raise RunError(f"{run.folder}: was not tested yet; run `optimerge test {folder}`")
    verdict = make_verdict(results)
    if form == "table":
        console = out()
        console.print()
        print_verdict(verdict, console)
        return
    text = to_json(verdict) if form == "json" else to_markdown(verdict)
    if file is None:
        click.echo(same_bytes(plain(text)), nl=not text.endswith("\n"))
    else:
        write_file(text.encode(), file)
        err().print(f"wrote {file}")


class TestProgress:
    """Tells how a retest goes: a live bar on a terminal, a line a model elsewhere."""

    __test__ = False  # not pytest's

    def __init__(self) -> None:
        self._console = err()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._total = self._done = 0
        self._began, self._scored = time.monotonic(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, plan: Plan) -> None:
        """Say what will be scored, and about how long that takes."""
        for line in plan_lines(plan):
            self._console.print(line, soft_wrap=True)
        self._total = plan.tested + plan.ensemble
        self._began = time.monotonic()
        self._bar = talking_bar(self._console)
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("scoring", total=self._total)

    def scored(self, name: str, trial: Trial, where: str) -> None:
        """Show what came of one model."""
        self._scored += 1
        told = trial.error or " ".join(f"{n} {number(s.value)}" for n, s in trial.scores.items())
        said = f"{name} on {where} items{' failed' if trial.state == 'failed' else ''}: {told}"
        if self._bar:
            self._bar.update(self._task, description=f"{self._done}/{self._total} · {said}")
        else:
            self._console.print(
                f"{datetime.now():%H:%M:%S} {self._done}/{self._total} {said}", soft_wrap=True
            )

    def passed(self) -> None:
        """Count a model."""
        self._done += 1
        if self._bar:
            self._bar.update(self._task, completed=self._done)


def plan_lines(plan: Plan) -> list[str]:
    """Return what a retest scores in lines for people, with about when it ends."""
    merges = f"{len(plan.merges)} merge{'' if len(plan.merges) == 1 else 's'}"
    parts = [merges, f"{plan.parents} parents"]
    if plan.baselines:
        parts.append(
            f"{len(plan.baselines)} baselines ({', '.join(b.name for b in plan.baselines)})"
        )
    if plan.ensemble:
        parts.append("the parents' ensemble")
    lines = [f"on the test items: {', '.join(parts)}"]
    if plan.rebuilds:
        lines.append(
            f"random masks: {len(plan.stochastic)} merges under {plan.masks} other seeds each, "
            f"{plan.rebuilds} rebuilds"
        )
    if plan.searched:
        lines.append(f"to find the baselines: up to {plan.searched} models on the search items")
    if plan.seconds:
        ends = clock_in(plan.seconds, datetime.now())
        lines.append(
            f"about {duration(plan.seconds)} if nothing of it is there yet, until {ends}; what is "
            "there is not scored again"
        )
    return lines
