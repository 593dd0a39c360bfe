"""What people are told of an objective's direction: which way is better."""

from optimerge.front.losses import larger_is_better
from optimerge.records.types import Direction


def arrow(direction: Direction) -> str:
    """Return the arrow that stands behind an objective's name.

    >>> arrow("maximize"), arrow("minimize")
    ('↑', '↓')
    """
    return "↑" if larger_is_better(direction) else "↓"


def better(direction: Direction) -> str:
    """Return the half sentence that says which values are better.

    >>> better("minimize")
    'smaller is better'
    """
    return f"{'larger' if larger_is_better(direction) else 'smaller'} is better"
