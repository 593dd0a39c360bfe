"""Durations as people read them."""


def duration(seconds: float) -> str:
    """Return a duration as people read it.

    >>> duration(42.2), duration(150), duration(9300)
    ('42 s', '2 min 30 s', '2 h 35 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
