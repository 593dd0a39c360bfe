"""Commands about a run, to paste into a shell."""

import shlex

from optimerge.dashboard.source import Source
from optimerge.records.secrets import redacted
from optimerge.records.storage import STORAGE_VARIABLE


def export_command(source: Source, trial: str) -> str:
    """Return the command that writes a trial's recipe."""
    return _line(source, "export", f"--trial={trial}" if trial.startswith("-") else "--trial", (
        "" if trial.startswith("-") else trial), "-o", "recipe.yaml")  # fmt: skip


def build_command() -> str:
    """Return the command that builds what `export_command` wrote."""
    return "optimerge build recipe.yaml merged"


def test_command(source: Source) -> str:
    """Return the command that tests the run."""
    return _line(source, "test")


def _line(source: Source, command: str, *words: str) -> str:
    """Return a command line; a URL with a secret is not shown, the variable stands for it."""
    said = ["optimerge", command, str(source.folder)]
    line = shlex.join([*said, *(word for word in words if word)])
    if source.url:
        shown = (
            shlex.quote(source.url)
            if redacted(source.url) == source.url
            else f'"${STORAGE_VARIABLE}"'
        )
        line += f" --storage {shown}"
    return line
