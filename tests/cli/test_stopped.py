"""The line on races: trials that were stopped, items that were saved."""

from optimerge.cli.stopped import stopped_early
from optimerge.records.types import Score, State, Trial


def trial(state: State, **items: int) -> Trial:
    scores = {name: Score(0.5, None, count, "maximize", 0.0) for name, count in items.items()}
    return Trial(0, state, "sampler", {}, "", scores)


def test_nothing_is_said_where_nothing_was_stopped() -> None:
    assert stopped_early([]) == ""
    assert stopped_early([trial("complete", a=100), trial("failed")]) == ""


def test_items_are_counted_on_what_is_raced_on() -> None:
    trials = [
        trial("complete", a=100, b=50, text=10, nonzero=0),
        trial("pruned", a=20, b=20, text=10, nonzero=0),
        trial("failed"),
        trial("running"),
    ]
    assert stopped_early(trials) == "1 of 2 trials, which saved 37% of the items"  # 110 of 300


def test_a_trial_that_was_stopped_by_hand_saved_nothing_that_is_known() -> None:
    assert stopped_early([trial("pruned")]) == "1 of 1 trials, which saved 0% of the items"
