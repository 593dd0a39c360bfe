"""All that the page says of a run, as data."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from optimerge.errors import RunError
from optimerge.front.certainty import Certainty
from optimerge.front.choose import Choice, make_choice
from optimerge.front.front import Front, front_of
from optimerge.front.history import History, make_history
from optimerge.front.importance import Importance, importance
from optimerge.front.parts import Parts, parts
from optimerge.records.run import Run
from optimerge.records.space import whole_space_of
from optimerge.records.types import Trial
from optimerge.retest.certainty import certainty_of
from optimerge.retest.read import read_results
from optimerge.retest.verdict import Verdict, make_verdict
from optimerge.space.labels import short_names


@dataclass(frozen=True)
class Contents:
    """A run as it is now."""

    run: Run
    trials: tuple[Trial, ...]
    front: Front
    history: History
    choice: Choice | None
    """None while there is nothing to choose from."""
    certainty: Certainty
    """How sure the front is."""
    verdict: Verdict | None
    """What tests of the run prove; None if there was none."""
    importances: Mapping[str, Importance]
    """By objective, where there are trials enough."""
    parts: Mapping[str, Parts]
    unimportant: Mapping[str, str]
    """By objective why nothing is known of its parameters."""
    names: Mapping[str, str]
    """Short names of the models, by every reference that recipes give them."""
    failures: Mapping[str, int]
    """How often, by reason; the most frequent first."""


def gather(run: Run, how: str = "knee") -> Contents:
    """Read what the page needs; `how` one trial is chosen: see `front.choose.make_choice`.

    RunError if that makes no sense in this run, or it cannot be read.
    """
    trials, objectives = run.trials(), run.info.objectives
    front = front_of(run, trials)
    space = whole_space_of(run.info)
    found: dict[str, Importance] = {}
    lacking: dict[str, str] = {}
    for name in objectives:
        try:
            found[name] = importance(run.search, objectives, name)
        except RunError as error:
            lacking[name] = str(error)
    named, results = short_names(space.references), read_results(run)
    return Contents(
        run=run,
        trials=tuple(trials),
        front=front,
        history=make_history(trials, objectives, run.reference, run.scales),
        choice=make_choice(front, how) if front.members or how != "knee" else None,
        certainty=certainty_of(run, front, results),
        verdict=make_verdict(results) if results else None,
        importances=found,
        parts={name: parts(each, space, run.info.layers) for name, each in found.items()},
        unimportant=lacking,
        names=named,
        failures=dict(Counter(t.error for t in trials if t.state == "failed").most_common()),
    )
