"""Times of day: HH:MM, as people and spaces write them, and how long it is until then."""

import re
from datetime import datetime, timedelta

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def checked_clock(given: object) -> str:
    """Return a time of day as it was given; ValueError, in words, if it is none.

    YAML reads 22:30 without quotes as the number 1350, so a number is refused: it would not be
    known whether 900 means 15:00 or nine in the morning.
    """
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 24 * 60:
        raise ValueError(
            f'a time of day needs quotes in YAML: "{given // 60:02}:{given % 60:02}", '
            'if that is what is meant, as in until: "07:00"'
        )
    if not isinstance(given, str) or not _CLOCK.fullmatch(given):
        raise ValueError('give a time of day from "00:00" to "23:59", such as "07:00"')
    return given


def seconds_until(clock: str, now: datetime) -> float:
    """Return the seconds from `now` to the next such time of day, above 0 and to about a day.

    `now` without a time zone is this machine's local time. Where the clocks change in between, the
    hour that is left out or repeated is counted right. A time that is left out itself is taken as
    if the clocks had not changed; of one that comes twice the first that lies ahead counts.
    """
    hour, minute = map(int, clock.split(":"))
    for days in (0, 1):
        day = now + timedelta(days=days)
        for fold in (0, 1):
            then = day.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=fold)
            left = then.timestamp() - now.timestamp()
            if left > 0:
                return left
    raise AssertionError(f"no {clock} comes after {now}")  # tomorrow's lies ahead of any today
