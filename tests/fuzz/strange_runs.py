"""A run folder to be changed, what reading commands do with it, and a pickle that tells on itself."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from optuna.samplers import RandomSampler

from optimerge.api.run import load_run
from optimerge.cli import show, status
from optimerge.cli.evidence import compared
from optimerge.cli.fronts import print_all, print_front
from optimerge.front.formats import FORMATS, in_format
from optimerge.front.front import front_of
from optimerge.records.artifacts import artifacts_in
from optimerge.records.attributes import trial_attributes
from optimerge.records.evidence import Evidence, TaskEvidence, write_evidence
from optimerge.records.keys import JOURNAL
from optimerge.records.prompts import Item, write_items
from optimerge.records.run import RunInfo, create_run, open_run
from optimerge.records.types import MergeStats, Score

RECIPE = (
    "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 0.5}}\n"
    "- {model: b, parameters: {weight: 1}}\n"
)


def make_run(folder: Path) -> Path:
    """A run with a parent, three complete trials, a failed, a pruned and a running one."""
    info = RunInfo(
        space="merge_method: ties\n",
        space_file="/somewhere/space.yaml",
        digest="d",
        objectives={"task": "maximize", "size": "minimize"},
        layers=4,
        seed=0,
        exact=False,
        items={"task": "abc"},
    )
    made = create_run(folder, info)
    for each in (made.search, made.parents):
        each.sampler = RandomSampler(seed=1)
    evidence = Evidence([TaskEvidence("task", "abc", (0, 1, 2), {"acc": np.arange(3)}, {1: "x"})])
    write_items(artifacts_in(folder), "abc", {n: Item(f"prompt {n}", ("a", "b")) for n in range(3)})
    for study, origin, count in ((made.parents, "base", 1), (made.search, "sampler", 6)):
        for number in range(count):
            asked = study.ask()
            asked.suggest_float("a.weight", 0, 1)
            asked.suggest_categorical("merge_method", ("linear", "ties"))
            scores = {
                "task": Score(number / 10, 0.02, 50, "maximize", 1.5),
                "size": Score(0.25, 0.0, 0, "minimize", 0.0),
                "watched": Score(1.0, None, 3, "maximize", 0.0),
            }
            name = f"{study.study_name}-{number:05d}"
            stats = MergeStats(0.5, 100, 25, 3.0, 1.0)
            kept = trial_attributes(origin, RECIPE, scores, stats, {"merge": 0.5}, tokens=7)
            for key, value in {**kept, "evidence": name}.items():
                asked.set_user_attr(key, value)
            write_evidence(artifacts_in(folder), name, evidence)
            asked.set_constraint("task >= 0.1", 0.1 - number / 10)
            if number == 3:
                study.tell(asked, state=state("FAIL"))
            elif number == 4:
                study.tell(asked, state=state("PRUNED"))
            elif number < 5:
                study.tell(asked, [scores["task"].value, scores["size"].value])
    made.search.set_user_attr("reference", [0.1, 0.3])
    made.search.set_user_attr("scales", [1.0, 1.0])
    made.search.set_user_attr("goal", 40)
    journal = folder / JOURNAL  # the same bytes each time, so that the examples are the same
    text = re.sub(r'"worker_id":"[^"]*"', '"worker_id":"w"', journal.read_text())
    journal.write_text(re.sub(r'"20\d\d-[^"]*"', '"2026-01-01T00:00:00.000001+00:00"', text))
    return folder


def state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def lines(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / JOURNAL).read_bytes().splitlines()]


def as_journal(found: list[Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in found).encode()


def look(folder: Path) -> None:
    assert status.describe(open_run(folder))


def tell_front(folder: Path) -> None:
    run = open_run(folder)
    certainty = load_run(folder).certainty()
    print_front(run, certainty=certainty)
    print_all(run)
    front = front_of(run)
    for form in FORMATS:
        in_format(front, form, certainty=certainty)
        in_format(front, form, run.trials())


def tell_trials(folder: Path) -> None:
    run = open_run(folder)
    for trial in run.trials():
        assert show.describe(trial, compared(run, trial, run.trials()[0]))


def export(folder: Path) -> None:
    load_run(folder).export("knee")


COMMANDS = (look, tell_front, tell_trials, export)
"""What the commands that read a run folder do."""


def packed(**arrays: Any) -> bytes:
    place = io.BytesIO()
    np.savez_compressed(place, **arrays)
    return place.getvalue()


def as_bytes(data: Any) -> Any:
    return np.frombuffer(json.dumps(data).encode(), dtype=np.uint8)


HEADER = {
    "format": 1,
    "tasks": [{"task": "task", "digest": "abc", "documents": [0, 1, 2], "metrics": ["acc"]}],
}


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)
