"""Values as every table may hold them: Python's own scalars, nothing that is not finite in JSON."""

import math
from typing import Any


def json_value(value: Any) -> float | int | str | bool | None:
    """Return the Python scalar that JSON can hold: no NumPy types, null for what is not finite.

    >>> import numpy as np
    >>> [json_value(value) for value in (np.float64(0.5), np.int64(3), float("nan"), np.True_)]
    [0.5, 3, None, True]
    """
    scalar = value.item() if hasattr(value, "item") else value
    if isinstance(scalar, float) and not math.isfinite(scalar):
        return None
    if scalar is None or isinstance(scalar, bool | int | float | str):
        return scalar
    raise TypeError(f"not a plain value: {value!r}")


def utf8_text(text: str) -> str:
    """Return a text as UTF-8 can hold it: a stranger's may have halves of characters.

    >>> utf8_text("a" + chr(0xD800))
    'a\\\\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode()
