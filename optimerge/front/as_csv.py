"""A table as CSV that no spreadsheet takes for a formula."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""What a text begins with that a spreadsheet may run (OWASP, "CSV injection"), and the mark."""


def to_csv(table: "pd.DataFrame") -> str:
    """Return the table as CSV without an index; missing values are empty, numbers are exact.

    Names and texts may come from a stranger's run: where one begins as a formula does, or with the
    mark itself, a ' stands before it, so that a text without its first ' is what it was. Numbers
    are left alone.
    """
    from pandas.api.types import is_numeric_dtype

    safe = table.rename(columns=to_cell)
    for place, column in enumerate(table):
        if not is_numeric_dtype(table.dtypes.iloc[place]):
            safe.isetitem(place, table[column].map(to_cell, na_action="ignore").array)
    return safe.to_csv(index=False, lineterminator="\n")


def to_cell(value: Any) -> Any:
    """Return what stands in the file for a value.

    >>> to_cell("=1+1"), to_cell("ties"), to_cell(-1)
    ("'=1+1", 'ties', -1)
    """
    return (
        f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS) else value
    )
