"""The pages of docs/reference, and whether those on disk are what the declarations make."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate.api import api
from docs.generate.commands import commands
from docs.generate.errors import errors
from docs.generate.formats import formats
from docs.generate.methods import methods
from docs.generate.objectives import objectives
from docs.generate.samplers import samplers

FOLDER = Path(__file__).parents[1] / "reference"
COMMAND = "python -m docs.generate"
PAGES: Mapping[str, Callable[[], str]] = {
    "methods.md": methods,
    "samplers.md": samplers,
    "objectives.md": objectives,
    "format.md": formats,
    "commands.md": commands,
    "errors.md": errors,
    "api.md": api,
}
"""What makes each page of the folder."""


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the pages that are not what the declarations make, and those that nothing makes."""
    kept = {file.name for file in folder.glob("*.md")}
    old = [
        name
        for name, make in PAGES.items()
        if name not in kept or (folder / name).read_text(encoding="utf-8") != make()
    ]
    return sorted({*old, *(kept - PAGES.keys())})


def write(folder: Path = FOLDER) -> list[str]:
    """Write the pages that are stale, delete those that nothing makes; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = stale(folder)
    for name in names:
        if name in PAGES:
            (folder / name).write_text(PAGES[name](), encoding="utf-8")
        else:
            (folder / name).unlink()
    return names
