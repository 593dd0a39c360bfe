"""`optimerge status`: how far a run is."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimerge.cli.options import RUN, STORAGE

if TYPE_CHECKING:
    from optimerge.records.run import Run


@click.command("status")
@RUN
@STORAGE
def command(run: Path, storage: str) -> None:
    """Print how far a run is, and how fast.

    Trials, rate, the time of the end, hypervolume, best of each objective, failures. Reads the
    run's storage only, so it works while the search runs, from any machine that sees the folder or
    the database.

    \b
    Example:
      optimerge status runs/mine
    """
    from optimerge.cli.quiet import quiet
    from optimerge.records.plain import plain
    from optimerge.records.run import open_run

    with quiet():
        click.echo(plain("\n".join(describe(open_run(run, storage)))))


def describe(run: "Run") -> list[str]:
    """Return a run's state as lines of text."""
    from optimerge.api.run import Run as OpenRun
    from optimerge.cli.screen import clock_in, duration, number
    from optimerge.cli.stopped import stopped_early
    from optimerge.cli.values import best_values
    from optimerge.front.feasible import kept_counts, none_feasible
    from optimerge.records.activity import activity

    trials = run.trials()
    states = Counter(t.state for t in trials)
    front = OpenRun(run).front()
    live = activity(run)
    lines = [
        f"run {run.name}: {'searching now' if live.running else 'no search is at work in it'}",
        "trials: " + (", ".join(f"{n} {state}" for state, n in states.items()) or "none yet"),
    ]
    if run.info.allow_code:
        lines.append("tasks and space: their own Python was let run (--allow-code)")
    if run.info.trust_code:
        lines.append("models: their own Python was let run (--trust-remote-code)")
    if live.seconds_per_trial:
        rate = 3600 / live.seconds_per_trial
        lines.append(f"rate: {rate:.0f} trials an hour ({duration(live.seconds_per_trial)} each)")
    if live.proposing is not None and live.waiting is not None:
        lines.append(
            f"proposing: {duration(live.proposing)} a trial, for which the search waits "
            f"{duration(live.waiting)}"
        )
    now = datetime.now()
    if live.last_end is not None:
        ago = max(0.0, (now - live.last_end).total_seconds())
        lines.append(f"last trial: ended {duration(ago)} ago")
    if live.running and live.goal and live.seconds_per_trial:
        left = max(0, live.goal - run.finished()) * live.seconds_per_trial
        lines.append(f"end: {live.goal} trials in about {duration(left)}, at {clock_in(left, now)}")
    if live.running and live.ends is not None:
        left = (live.ends.replace(tzinfo=None) - now).total_seconds()
        lines.append(f"end: at {clock_in(left, now)}, when its time is up")
    if early := stopped_early(trials):
        lines.append(f"stopped early: {early}")
    if run.reference is not None:
        lines.append(
            f"hypervolume: {front.relative_hypervolume:.3f} in units of the parents' range"
        )
    for name, best in best_values(front.feasible, run.info.objectives).items():
        lines.append(f"best {name}: {number(best)}")
    for name, (kept, count) in kept_counts(front.trials).items():
        lines.append(f"constraint {name}: kept by {kept} of {count} complete trials")
    if front.trials and not front.members:
        lines.append(f"front: {none_feasible(front.trials)}")
    else:
        lines.append(f"front: {len(front.members)} trials; optimerge front {run.folder}")
    errors = Counter(t.error for t in trials if t.state == "failed")
    lines += [f"failed {n} times: {reason}" for reason, n in errors.most_common(5)]
    return lines
