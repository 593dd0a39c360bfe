"""The formats that tables of trials are written in, and what each holds.

csv      the flat table (`front.table`), numbers exact, missing values empty; no cell is a
         formula to a spreadsheet (`front.as_csv`)
json     a list of objects, one a trial (`front.as_json`)
md       a table for people, four digits a number (`front.as_markdown`)
parquet  the flat table with its types; numbers exact, missing values null (`front.as_parquet`)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from optimerge.errors import OptimergeError
from optimerge.front.certainty import NOTHING, Certainty
from optimerge.front.front import Front
from optimerge.records.types import Trial

Format = Literal["csv", "json", "md", "parquet"]
_UTF8 = ("utf-8", "backslashreplace")
"""A stranger's text may hold halves of characters, which UTF-8 has not."""
FORMATS: tuple[Format, ...] = get_args(Format)


def format_of(file: Path) -> Format:
    """Return the format that a file's ending stands for; OptimergeError if it stands for none.

    >>> format_of(Path("front.csv")), format_of(Path("FRONT.MD"))
    ('csv', 'md')
    """
    for form in FORMATS:
        if file.suffix.lower() == f".{form}":
            return form
    endings = ", ".join(f".{form}" for form in FORMATS)
    raise OptimergeError(
        f"{file}: its ending names no format; let it be one of {endings}, or give --format"
    )


def in_format(
    front: Front,
    form: Format,
    trials: Sequence[Trial] | None = None,
    certainty: Certainty = NOTHING,
) -> bytes:
    """Return the members of the front in a format, or the given trials, as the file's bytes.

    Text is UTF-8, and commands no terminal. OptimergeError if what writes Parquet is not there.
    """
    from optimerge.front.table import all_table, front_table
    from optimerge.records.plain import plain

    rows = front.members if trials is None else trials
    if form == "json":
        from optimerge.front.as_json import to_json

        return f"{plain(to_json(rows, front, certainty))}\n".encode(*_UTF8)
    if form == "md":
        from optimerge.front.as_markdown import to_markdown

        return to_markdown(rows, front, certainty).encode(*_UTF8)
    one = trials is None
    table = front_table(front, certainty) if one else all_table(rows, front, certainty)
    if form == "parquet":
        from optimerge.front.as_parquet import to_parquet

        return to_parquet(table)
    from optimerge.front.as_csv import to_csv

    return plain(to_csv(table)).encode(*_UTF8)
