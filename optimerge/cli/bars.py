"""Bars that move while something takes long, on terminals only."""

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from optimerge.cli.screen import watched

WIDTH = 20
"""Characters of a bar that words stand beside."""


def bar(console: Console) -> Progress:
    """Return a bar with its name and the time left; it goes away at its end."""
    return Progress(console=console, transient=True, disable=not watched(console))


def talking_bar(console: Console) -> Progress | None:
    """Return a bar with words beside it; None where no terminal shows it, for lines instead."""
    if not watched(console):
        return None
    plain = console.options.ascii_only
    return Progress(
        SpinnerColumn("line" if plain else "dots"),
        BarColumn(bar_width=WIDTH),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    )
