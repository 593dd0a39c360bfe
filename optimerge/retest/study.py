"""The study "test" of a run: what its models scored on test items. The only record of a retest.

It stands beside the run's other two in the same storage, and is made when it is first needed. Each
trial is one model, marked with its origin (`records.origins`) and its recipe (the ensemble has
none); two of one recipe share a trial. A trial holds all that is known of its model: when
objectives are added later, the next one repeats the scores before. Its only value, larger is
better, is the mean over the tasks that it scored: `Trial.scores` has the rest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optimerge.errors import RunError
from optimerge.records.attributes import is_withdrawn, origin_of, score_attributes
from optimerge.records.keys import SEARCH, TEST
from optimerge.records.optuna_access import storage_of
from optimerge.records.plain import one_line
from optimerge.records.run import Run
from optimerge.records.sound import sound_trial
from optimerge.records.types import Score, Trial

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

STATES: Mapping[str, Any] = {"COMPLETE": "complete", "FAIL": "failed"}

ASKED = "asked"
"""Numbers of the trials that were asked for beside the front."""
REPORT, TEST_ITEMS = "report", "test_items"
"""The `report:` block in force; test items of tasks that the space keeps none of."""
REPORTED = "reported"
"""Direction of each objective under `report:`."""
PARTS = "parts"
"""By "search" and "test", of objectives that are means over documents: see `objective_parts`."""
BASELINES, SKIPPED = "baselines", "skipped"
"""By baseline what it is and its recipe, whose trial stands in the study "parents". Those that the
run cannot have, and why."""


@dataclass(frozen=True)
class Record:
    """One trial of the study."""

    trial: Trial
    """Its scores are on test items."""
    measured: Mapping[str, str] = field(default_factory=dict)
    """By objective the digest of the items that it was scored on; "" for what has no items."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of an ensemble: by parent."""
    search: Mapping[str, Score] = field(default_factory=dict)
    """Of an ensemble: its scores on the search items."""
    search_evidence: str = ""

    @property
    def key(self) -> str:
        """What two records of one model have in common."""
        return self.trial.recipe or self.trial.origin


def open_tests(run: Run) -> "optuna.Study | None":
    """Open the study; None if nothing of the run was tested yet."""
    import optuna

    try:
        return optuna.load_study(study_name=_name(run), storage=storage_of(run.search))
    except KeyError:
        return None


def kept_test_items(run: Run) -> int | None:
    """Return how many test documents a run draws for tasks whose space keeps none; None: none."""
    study = open_tests(run)
    number = study.user_attrs.get(TEST_ITEMS) if study else None
    return number if type(number) is int and number > 0 else None


def make_tests(run: Run) -> "optuna.Study":
    """Open the study, and make it if it is not there."""
    import optuna

    return optuna.create_study(
        study_name=_name(run),
        storage=storage_of(run.search),
        direction="maximize",
        load_if_exists=True,
    )


def _name(run: Run) -> str:
    return f"{run.search.study_name.removesuffix(SEARCH)}{TEST}"


def records(study: "optuna.Study") -> list[Record]:
    """Return what has ended, in order; RunError if something is no such record."""
    return list(_records(study))


def latest(study: "optuna.Study") -> dict[str, Record]:
    """Return the last complete record of each model by its key; else the last failed one."""
    found: dict[str, Record] = {}
    for record in _records(study):
        before = found.get(record.key)
        if record.trial.state == "complete" or before is None or before.trial.state != "complete":
            found[record.key] = record
    return found


def _records(study: "optuna.Study") -> Iterator[Record]:
    for stored in study.get_trials(deepcopy=False):
        if stored.state.name in STATES and not is_withdrawn(stored):
            yield _record(stored)


def _record(stored: "FrozenTrial") -> Record:
    kept, what = stored.user_attrs, f"trial {stored.number} of the test"
    try:
        data = {
            "number": stored.number,
            "state": STATES[stored.state.name],
            "origin": one_line(origin_of(stored)),
            "params": {},
            "recipe": str(kept.get("recipe", "")),
            "scores": kept.get("scores", {}),
            "stats": kept.get("stats"),
            "error": one_line(str(kept.get("error", ""))),
            "seconds": kept.get("seconds", {}),
            "tokens": kept.get("tokens", 0),
            "evidence": str(kept.get("evidence", "")),
        }
        trial = sound_trial(data, what)
        on_search = sound_trial({**data, "scores": kept.get("search", {})}, what)
        return Record(
            trial,
            {str(k): str(v) for k, v in kept.get("measured", {}).items()},
            {str(k): float(v) for k, v in kept.get("weights", {}).items()},
            on_search.scores,
            str(kept.get("search_evidence", "")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{what} cannot be read ({type(error).__name__}: {error}); "
            "this optimerge did not write it"
        ) from None


def record_attributes(record: Record) -> dict[str, Any]:
    """Return what the study keeps of a complete record; `records` reads it back."""
    trial = record.trial
    found: dict[str, Any] = {
        "origin": trial.origin,
        "recipe": trial.recipe,
        "scores": score_attributes(trial.scores),
        "measured": dict(record.measured),
        "seconds": {stage: round(value, 4) for stage, value in trial.seconds.items()},
        "evidence": trial.evidence,
    }
    if record.weights:
        found["weights"] = dict(record.weights)
        found["search"] = score_attributes(record.search)
        found["search_evidence"] = record.search_evidence
    return found
