"""How the page writes numbers."""

import math

from optimerge.records.types import Score


def value_text(value: float, stderr: float | None = None) -> str:
    """Return a value with as many digits as its standard error leaves meaning, and the error.

    >>> value_text(0.61234, 0.0131), value_text(0.5), value_text(1234567.0)
    ('0.612 ± 0.013', '0.5000', '1,234,567')
    >>> value_text(12.5, 0.0), value_text(float("nan"))
    ('12.5000', '–')
    """
    if not math.isfinite(value):
        return "–"
    if stderr and math.isfinite(stderr):
        digits = min(6, max(0, 1 - math.floor(math.log10(stderr))))
        return f"{value:,.{digits}f} ± {stderr:,.{digits}f}"
    return f"{value:.4f}" if abs(value) < 10_000 else f"{value:,.0f}"


def score_text(score: Score | None) -> str:
    """Return a score as the page writes it; a dash where there is none."""
    return "–" if score is None else value_text(score.value, score.stderr)
