"""A table as Parquet, for notebooks and databases."""

import io
import json
from typing import TYPE_CHECKING, Any

from optimerge.errors import OptimergeError

if TYPE_CHECKING:
    import pandas as pd


def to_parquet(table: "pd.DataFrame") -> bytes:
    """Return the table as a Parquet file's bytes: types kept, missing values null.

    A column that holds texts beside numbers (choices of several kinds), or integers of more than 63
    bits, is text: JSON, a value each.
    OptimergeError if pyarrow is not installed.
    """
    flat = table.copy(deep=False)
    for place, column in enumerate(table):
        values = table[column]
        if values.dtype == object and not all(isinstance(v, str) for v in values.dropna()):
            flat.isetitem(place, values.map(_as_json, na_action="ignore").array)
    file = io.BytesIO()
    try:
        flat.to_parquet(file, index=False, engine="pyarrow")
    except ImportError:
        raise OptimergeError(
            "Parquet needs pyarrow, which is not installed; pip install pyarrow, or take --format "
            "csv"
        ) from None
    return file.getvalue()


def _as_json(value: Any) -> str:
    return json.dumps(value)
