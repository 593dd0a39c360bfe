"""Numbers with their errors as people read them."""

from optimerge.retest.beats import Estimate


def figure(value: float) -> str:
    """Return a score as people read it: three decimals, or three digits of a large one.

    >>> figure(0.6124), figure(1234.5), figure(float("nan"))
    ('0.612', '1.23e+03', '-')
    """
    if value != value:
        return "-"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def with_error(value: float, error: float | None) -> str:
    """Return a value with its standard error; without one that is zero or unknown.

    >>> with_error(0.612, 0.0131), with_error(0.25, None)
    ('0.612 ±0.013', '0.250')
    """
    return f"{figure(value)} ±{figure(error)}" if error else figure(value)


def signed(found: Estimate) -> str:
    """Return a difference with its sign and its standard error.

    >>> signed(Estimate(0.0312, 0.01)), signed(Estimate(-0.0312))
    ('+0.031 ±0.010', '-0.031')
    """
    sign = "+" if found.value >= 0 else ""
    return f"{sign}{with_error(found.value, found.stderr)}"


def spanned(found: Estimate) -> str:
    """Return a value with its interval.

    >>> spanned(Estimate(1.5, 0.1, 1.25, 1.75))
    '1.500 [1.250, 1.750]'
    """
    if found.low is None or found.high is None:
        return figure(found.value)
    return f"{figure(found.value)} [{figure(found.low)}, {figure(found.high)}]"


def p_value(value: float | None) -> str:
    """Return a p-value as a sentence has it.

    >>> p_value(0.0321), p_value(0.0001), p_value(None)
    ('p = 0.032', 'p < 0.001', 'p unknown')
    """
    if value is None:
        return "p unknown"
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"


def times(count: int) -> str:
    """Return how often, in words.

    >>> times(1), times(3)
    ('once', '3 times')
    """
    return "once" if count == 1 else f"{count} times"
