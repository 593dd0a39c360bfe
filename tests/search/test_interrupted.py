"""However a search is stopped, it goes on as if it had not been: with any sampler, ahead or not."""

from typing import Any

import pytest
from fake_search import TELLTALE, Journal, fake_search, told
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from optimerge.records.origins import WITHDRAWN
from optimerge.search import begin, seen, tell

TRIALS = 16
WHOLE: dict[Any, Any] = {}


def whole(ahead: bool, broken: str | None = None) -> list[Any]:
    """What the uninterrupted search comes to."""
    if (ahead, broken) not in WHOLE:
        run = fake_search(Journal(), TELLTALE[ahead], TRIALS, broken=broken)
        WHOLE[ahead, broken] = told(run)
    return WHOLE[ahead, broken]  # type: ignore[no-any-return]  # a list


interruptions = st.lists(
    st.one_of(
        st.fixed_dictionaries({"lines": st.integers(0, 90)}),
        st.fixed_dictionaries({"stop_after": st.integers(1, 6)}),
        st.fixed_dictionaries({"interrupt": st.integers(0, 6)}),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("ahead", [False, True])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ways=interruptions)
@example(ways=[{"lines": 40}, {"lines": 3}, {"interrupt": 0}, {"stop_after": 1}, {"lines": 1}])
def test_it_goes_on_as_if_it_had_not_been_stopped(ahead: bool, ways: list[dict[str, int]]) -> None:
    journal = Journal()
    for way in ways:
        fake_search(journal, TELLTALE[ahead], TRIALS, **way)
    assert told(fake_search(journal, TELLTALE[ahead], TRIALS)) == whole(ahead)


@pytest.mark.parametrize("every", [10, pytest.param(3, marks=pytest.mark.slow)])
def test_at_any_write(every: int) -> None:
    journal = Journal()
    fake_search(journal, TELLTALE[True], 8)
    wanted = told(fake_search(Journal(), TELLTALE[True], 8))
    for lines in range(0, len(journal.lines), every):
        cut = Journal()
        fake_search(cut, TELLTALE[True], 8, lines=lines)
        fake_search(cut, TELLTALE[True], 8, lines=lines % 7)  # also while it puts back
        assert told(fake_search(cut, TELLTALE[True], 8)) == wanted, lines


def test_the_search_has_trials_of_every_kind() -> None:
    found = whole(True)
    kinds = {(origin.partition(":")[0], state) for origin, state, *_ in found}
    assert kinds == {
        ("base", "complete"),
        ("expert", "complete"),
        *(("warm", state) for state in ("complete", "failed", "pruned")),
        *(("sampler", state) for state in ("complete", "failed", "pruned")),
    }
    assert sum(origin.startswith("warm:") for origin, *_ in found) == 5
    assert len({str(params) for _, _, params, *_ in found[3:]}) == TRIALS - 3
    assert whole(False) != found


def test_a_parent_that_cannot_be_scored_is_tried_again_and_nothing_else_changes() -> None:
    journal = Journal()
    fake_search(journal, TELLTALE[True], TRIALS, broken="b", stop_after=8)
    parts = told(fake_search(journal, TELLTALE[True], TRIALS + 1, broken="b"))
    assert [t[:2] for t in parts].count(("expert:b", "failed")) == 2
    mine = [t for t in parts if not t[0].startswith(("base", "expert"))]
    assert mine == [t for t in whole(True, "b") if not t[0].startswith(("base", "expert"))]


def test_a_trial_that_is_repeated_keeps_what_its_sampler_left_with_it() -> None:
    journal = Journal()
    run = fake_search(journal, TELLTALE[False], 10, interrupt=8)
    withdrawn = [t for t in run.search.trials if t.user_attrs.get("origin") == WITHDRAWN]
    run = fake_search(journal, TELLTALE[False], 10)
    again = next(t for t in run.search.trials if t.user_attrs.get("place") == withdrawn[0].number)
    assert again.number > withdrawn[0].number
    assert again.params == withdrawn[0].params
    for key in ("saw:a.weight", "study:last"):
        assert again.system_attrs[key] == withdrawn[0].system_attrs[key]
    assert "saw:a.weight" in again.system_attrs


@pytest.mark.parametrize(
    ("module", "name", "fault"),
    [
        (seen, "place", lambda trial: trial.number),
        (begin, "place", lambda trial: trial.number),
        (seen, "WITHDRAWN", "nothing is"),
        (seen, "CONSTRAINTS", "nothing begins so"),
        (seen, "FIXED", "nothing is called so"),
        (tell, "CONSTRAINTS", ""),
    ],
)
def test_a_fault_in_the_rule_is_caught(
    module: Any, name: str, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = whole(True)
    monkeypatch.setattr(module, name, fault)
    journal = Journal()
    for interrupt in (4, 6, 0, 2):  # the first while points wait, the others while none does
        fake_search(journal, TELLTALE[True], TRIALS, interrupt=interrupt)
    assert told(fake_search(journal, TELLTALE[True], TRIALS)) != wanted
