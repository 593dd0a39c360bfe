"""No point is proposed twice: a score of it would say nothing new.

The same items, weights and masks give the same score again, so a repeat is a trial lost. What a
sampler proposes is drawn again, with another key, while it is a point that is known: of a
finished, failed, stopped, running or waiting trial. After a few draws an unknown point near the
last one is taken; where the whole of a finite space is known, the search is done.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from optimerge.errors import RunError
from optimerge.space.points import Key, key_of, moved, points, random_point, size
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

DRAWS = 4
"""How often a sampler is asked before a point nearby is taken."""
MOVES = 100
"""How many points nearby are tried: further and further away, in more and more dimensions."""
REACH = 0.02
"""Of the first moves, as a share of a range; the last ones reach eleven times as far."""


class SpaceUsedUpError(RunError):
    """Every point of a finite space has been tried: the search is done."""


def known_keys(space: SearchSpace, trials: "Iterable[FrozenTrial]") -> Collection[Key]:
    """Return the keys of all points that are known or will be: waiting trials come next.

    As a set only where they are counted, in a finite space: of thousands it takes longer to hash
    them all than to look for one.
    """
    keys = [key for trial in trials if (key := _key(space, trial))]
    return keys if size(space) == float("inf") else set(keys)


def _key(space: SearchSpace, trial: "FrozenTrial") -> Key:
    """Return the key of a trial's point, () if it has none; of a `SeenTrial` it is there."""
    known: Key | None = getattr(trial, "key", None)
    point = trial.params or trial.system_attrs.get("fixed_params", {})
    return key_of(space, point) if known is None else known


def unrepeated(
    space: SearchSpace,
    known: Collection[Key],
    seed: int,
    draw: Callable[[int], Mapping[str, Param]],
) -> tuple[int, dict[str, Param]]:
    """Return the number of the draw that was taken, and a point that is not known.

    The point is that of the draw, or one near it.

    Args:
        space: Where the points lie.
        known: Keys of the points that are not to be repeated.
        seed: Of the moves.
        draw: Proposes a point; given 0, 1, 2, ..., another one each time if it can.

    Raises:
        SpaceUsedUpError: If every point of the space is known.
    """
    check_unused(space, known)
    for attempt in range(DRAWS):
        point = dict(draw(attempt))
        if key_of(space, point) not in known:
            return attempt, point
    rng = Random(seed)
    for move in range(MOVES):
        near = moved(space, point, rng, 1 + move // 10, REACH * (1 + move / 10))
        if key_of(space, near) not in known:
            return attempt, near
    if size(space) == float("inf"):
        return attempt, random_point(space, rng)  # a method that has one point, and others
    # Of one more points than are known one is unknown.
    candidates = islice(points(space), len(known) + 1)
    return attempt, rng.choice([p for p in candidates if key_of(space, p) not in known])


def check_unused(space: SearchSpace, known: Collection[Key]) -> None:
    """Raise SpaceUsedUpError if every point of the space is known."""
    count = size(space)
    if count > len(known) or any(key_of(space, p) not in known for p in points(space)):
        return
    raise SpaceUsedUpError(
        f"{space.file}: all {count:.0f} points of the space have been tried; to go on, widen a "
        "range and give another --run-dir"
        if count > 1
        else f"{space.file}: the one point of the space has been tried; give a range to search"
    )
