"""Finds the run that an exported recipe names."""

from pathlib import Path

from optimerge.records.keys import JOURNAL

RUNS = Path("runs")


def named_run(name: str | None, *places: Path) -> Path | None:
    """Return the folder of a run: one of `places` that is called so, or runs/NAME; None else.

    `optimerge export` writes the recipe into the run's folder, `optimerge search` makes runs/NAME.
    """
    if not name:
        return None
    for place in (*places, RUNS / Path(name).name):
        if place.resolve().name == name and (place / JOURNAL).is_file():
            return place
    return None
