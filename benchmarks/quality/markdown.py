"""Markdown tables."""

from collections.abc import Iterable, Sequence

from benchmarks.quality.statistics import Interval


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers.

    >>> print(table(["sampler", "gain"], [["random", "0.1"]]))
    | sampler | gain |
    |:--|--:|
    | random | 0.1 |
    """
    lines = [_line(head), "|:--|" + "--:|" * (len(head) - 1), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def interval(found: Interval, digits: int = 3) -> str:
    """Return a mean with its interval; nothing of NaN.

    >>> interval(Interval(0.5, 0.4, 0.6))
    '0.500 [0.400, 0.600]'
    """
    if found.mean != found.mean:
        return ""
    return f"{found.mean:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def p_value(p: float) -> str:
    """Return a p-value to read: three digits, or a bound.

    >>> p_value(0.0123), p_value(1e-9)
    ('0.012', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
