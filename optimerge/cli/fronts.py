"""A run's front, and all its trials, on the screen."""

import shlex
from pathlib import Path

from optimerge.cli.screen import out
from optimerge.cli.stopped import stopped_early
from optimerge.cli.tables import front_screen, trials_screen
from optimerge.front.certainty import NOTHING, Certainty
from optimerge.front.feasible import no_merge_feasible, none_feasible
from optimerge.front.front import front_of
from optimerge.records.plain import plain
from optimerge.records.run import Run


def print_front(run: Run, most: int | None = None, certainty: Certainty = NOTHING) -> None:
    """Print the front (`most`: at most so many members) with its hypervolume, parents marked.

    `certainty`: what is known of the members beside their scores.
    """
    trials = run.trials()
    front, early = front_of(run, trials), stopped_early(trials)
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
    elif none := no_merge_feasible(front.trials):
        console.print(f"{plain(none)}\n")
    table, legend = front_screen(front, most, certainty)
    console.print(table)
    console.print(legend, style="dim")
    for line in certainty_lines(certainty, run.folder):
        console.print(plain(line), style="dim")


def certainty_lines(certainty: Certainty, folder: Path) -> list[str]:
    """Return what a reader of the probabilities should know; nothing if there are none."""
    if not certainty.on_front:
        return [f"note: {certainty.note}"] if certainty.note else []
    more = f" ({certainty.note})" if certainty.note else ""
    if certainty.items == "test":
        return [f"P: on the test items, of the models tested{more}; scores: on the search items"]
    return [
        f"P: by a paired bootstrap over the search items{more}; the front was chosen on these, so "
        f"it is flattered: `optimerge test {shlex.quote(str(folder))}` takes others"
    ]


def print_all(run: Run) -> None:
    """Print every complete trial, best first as on the front, and how many others there are."""
    trials = run.trials()
    front = front_of(run, trials)
    console = out()
    others = len(trials) - len(front.trials)
    console.print(f"\nTrials of run {run.name}: {len(front.trials)} complete, {others} others\n")
    if front.trials:
        console.print(trials_screen(front.trials, front))
    if others:
        console.print("--format csv, json or md hold the others too", style="dim")
