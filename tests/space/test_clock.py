"""Times of day: what is accepted, and how long it is until then, also where clocks change."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from optimerge.errors import RecipeError
from optimerge.space.clock import checked_clock, seconds_until
from optimerge.space.read import make_space
from optimerge.space.same import space_digest
from optimerge.space.settings import overridden

ZONE = ZoneInfo("Europe/Berlin")  # 2026: on at 02:00 of 29 March, back at 03:00 of 25 October


@pytest.mark.parametrize(
    ("now", "clock", "hours"),
    [
        (datetime(2026, 7, 1, 22, 0), "07:00", 9),
        (datetime(2026, 7, 1, 6, 59, 30), "7:00", 1 / 120),
        (datetime(2026, 7, 1, 7, 0), "07:00", 24),
        (datetime(2026, 7, 1, 7, 0, 1), "07:00", 24 - 1 / 3600),
        (datetime(2026, 12, 31, 23, 0), "00:00", 1),
        (datetime(2026, 3, 28, 22, 0, tzinfo=ZONE), "07:00", 8),  # an hour is left out
        (datetime(2026, 10, 24, 22, 0, tzinfo=ZONE), "07:00", 10),  # an hour comes twice
        (datetime(2026, 10, 25, 2, 45, tzinfo=ZONE), "02:30", 0.75),  # its second coming
        (datetime(2026, 10, 25, 2, 45, fold=1, tzinfo=ZONE), "02:30", 23.75),
        (datetime(2026, 3, 28, 22, 0, tzinfo=ZONE), "02:30", 4.5),  # a time that is left out
    ],
)
def test_seconds_until(now: datetime, clock: str, hours: float) -> None:
    assert seconds_until(clock, now) == pytest.approx(hours * 3600)


@pytest.mark.parametrize("given", ["24:00", "7", "07:60", "7am", "", "07:00 ", 2230, True, 7.5, -1])
def test_what_is_no_time_of_day_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match='from "00:00" to "23:59"'):
        checked_clock(given)


SPACE = """
merge_method: linear
models: [{model: a, parameters: {weight: {low: 0, high: 1}}}, {model: b, parameters: {weight: 1}}]
objectives: [{task: t}]
"""


def space(search: str):
    return make_space(yaml.safe_load(SPACE + search), Path("space.yaml"))


def test_a_time_without_quotes_is_refused_with_the_remedy() -> None:
    """YAML reads it as a number of minutes, and 900 as the same number as 15:00."""
    with pytest.raises(RecipeError, match=r'search\.until.*needs quotes in YAML: "22:30"'):
        space("search: {until: 22:30}")
    assert space("search: {until: 07:00}").search.until == "07:00"  # YAML reads that as text


def test_a_time_of_day_is_a_budget_like_the_others() -> None:
    whole = space('search: {until: "07:00", trials: 9}')
    assert overridden(whole).search.until == "07:00"
    given = overridden(whole, hours=2).search
    assert (given.until, given.trials, given.hours) == (None, None, 2)
    given = overridden(whole, until="08:00").search
    assert (given.until, given.trials, given.hours) == ("08:00", None, None)
    assert space_digest(whole.data) == space_digest(space("search: {}").data)
