"""What is under `report:` is measured on documents that the search never scores on, at any time."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from retesting import Seen, opened, retested

from optimerge.api.evaluate import evaluate
from optimerge.api.run import load_run
from optimerge.cli.main import run as command
from optimerge.cli.quiet import quiet
from optimerge.errors import OptimergeError, RecipeError
from optimerge.objectives.scorer import TaskScorer
from optimerge.records.run import open_run
from optimerge.retest.exams import make_exams
from optimerge.retest.plan import Wanted
from optimerge.retest.read import read_results
from optimerge.space.read import make_space, read_space
from optimerge.space.same import space_digest

Write = Callable[..., Path]
FEW = Wanted(baselines=False, masks=0)
UNSEEN = {"task": "echo", "name": "unseen"}


def test_a_reported_task_has_the_documents_that_the_search_does_not_score_on(
    folder: Path, with_report: Write
) -> None:
    session = opened(folder, with_report([UNSEEN, {**UNSEEN, "name": "few", "test_items": 7}]))
    searched = {d for o in session.evaluation.on_tasks for r in o.runs for d in r.documents}
    own, unseen, few = make_exams(session)
    assert [o.name for o in session.evaluation.objectives] == ["echo", "loss", "nonzero"]
    sets = []
    for exam in (unseen, few):
        (scorer,) = exam.evaluation.on_tasks
        assert isinstance(scorer, TaskScorer)
        sets.append(set(scorer.run.documents))
    assert [len(searched), *map(len, sets)] == [30, 30, 7]
    assert searched.isdisjoint(sets[0])
    assert sets[1] < sets[0]
    assert [o.name for o in own.evaluation.objectives] == ["echo", "loss", "nonzero"]


def test_tasks_may_be_added_after_the_search_and_only_they_are_scored(
    folder: Path, with_report: Write
) -> None:
    retested(folder, FEW)
    file, seen = with_report([UNSEEN]), Seen()
    before = read_results(open_run(folder))
    retested(folder, FEW, seen, report=file)
    assert all(set(trial.scores) >= {"unseen"} for trial in seen.trials)
    results = read_results(open_run(folder))
    assert results is not None
    assert before is not None
    assert results.reported == {"unseen": "maximize"}
    assert (before.looks, results.looks) == (1, 2)
    for old, new in zip(before.tested, results.tested, strict=True):
        assert {k: s for k, s in new.test.items() if k != "unseen"} == old.test
        assert new.test["unseen"].items == 30
        assert set(new.search) == {"echo", "loss", "nonzero"}
        assert len(new.test_items["unseen"].values[0]) == 30
        assert set(new.test_items) == {"echo", "unseen"}
    again = Seen()
    retested(folder, FEW, again)  # what is reported is known from now on
    assert again.scores == []


def test_a_report_never_changes_what_a_run_is_a_run_of(
    made_family: Path, folder: Path, with_report: Write
) -> None:
    space, reported = read_space(made_family / "retest.yaml"), read_space(with_report([UNSEEN]))
    assert space_digest(space.data) == space_digest(reported.data)
    assert reported.objective_names == space.objective_names
    words = ["search", str(with_report([UNSEEN])), "--run-dir", str(folder), "--trials", "8"]
    assert command(words) == 0
    trials = open_run(folder).trials()
    assert all(set(t.scores) == {"echo", "loss", "nonzero"} for t in trials)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"task": "echo"}, "report[0]: 'echo' is the name of one under objectives too"),
        ({**UNSEEN, "search_items": 5}, "report[0].search_items: 'unseen' is only measured"),
        ({**UNSEEN, "at_least": 0.5}, "report[0].at_least: 'unseen' is only measured"),
        ({**UNSEEN, "optimize": False}, "report[0].optimize: 'unseen' is only measured"),
        ({**UNSEEN, "test_items": 0}, "report[0].test_items: 0 leaves nothing to measure"),
        ({"taks": "echo"}, "report"),
    ],
)
def test_a_report_that_makes_no_sense_is_refused(
    made_family: Path, entry: dict[str, object], said: str
) -> None:
    data = yaml.safe_load((made_family / "space.yaml").read_text())
    with pytest.raises(RecipeError) as refused:
        make_space({**data, "report": [entry]}, made_family / "space.yaml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_numbers_of_items_of_all_tasks_are_not_those_of_a_report(made_family: Path) -> None:
    data = yaml.safe_load((made_family / "space.yaml").read_text())
    tasks = {"test_items": 5, "num_fewshot": 0, "system_instruction": "w1"}
    space = make_space({**data, "tasks": tasks, "report": [UNSEEN]}, made_family / "space.yaml")
    (spec,) = space.report
    assert (spec.test_items, spec.system_instruction) == (None, "w1")  # type: ignore[union-attr]


def test_check_lists_what_is_reported(
    folder: Path, with_report: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["check", str(with_report([UNSEEN])), "--device", "cpu"]) == 0
    assert "report unseen: maximize acc,none of task echo, 0-shot; 30 test items of 60" in (
        capsys.readouterr().out
    )


@pytest.fixture
def without_test_items(family: Path, tmp_path: Path) -> Callable[[int | None], Path]:
    def search(search_items: int | None) -> Path:
        data = yaml.safe_load((family / "space.yaml").read_text())
        data["objectives"] = [{"task": "echo"}]
        if search_items:
            data["objectives"][0]["search_items"] = search_items
        (family / "bare.yaml").write_text(yaml.safe_dump(data))
        words = ["search", str(family / "bare.yaml"), "--run-dir", str(tmp_path / "bare")]
        assert command([*words, "--trials", "4"]) == 0
        return tmp_path / "bare"

    return search


def test_without_test_items_the_remedy_is_named_and_works(
    without_test_items: Callable[[int | None], Path],
    family: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = without_test_items(40)
    words = ["test", str(folder), "--device", "cpu", "--no-baselines", "--masks", "0"]
    capsys.readouterr()
    assert command(words) == 2
    said = capsys.readouterr().err
    assert "objectives[0].test_items: 'echo' has none, and the search leaves 20 documents" in said
    assert "give --test-items N" in said
    assert command([*words, "--test-items", "15"]) == 0
    session = opened(folder)
    (exam,) = make_exams(session, 15)
    on_test = {d for o in exam.evaluation.on_tasks for r in o.runs for d in r.documents}
    searched = {d for o in session.evaluation.on_tasks for r in o.runs for d in r.documents}
    assert (len(on_test), len(searched)) == (15, 40)
    assert on_test.isdisjoint(searched)
    seen = Seen()
    retested(folder, FEW, seen)  # the run keeps the number
    assert seen.scores == []
    run = load_run(folder)
    results = run.results()
    assert results is not None
    red = next(each for each in results.tested if each.name == "red")
    with quiet(scoring=True):  # what is evaluated later is scored on the same documents
        scored = evaluate(family / "red", run, items="test", device="cpu")
    assert scored.scores["echo"].value == red.test["echo"].value
    assert scored.scores["echo"].items == 15


def test_where_the_search_scores_on_all_documents_the_message_says_so(
    without_test_items: Callable[[int | None], Path],
) -> None:
    folder = without_test_items(None)
    with pytest.raises(OptimergeError, match="the search scores on every document; search anew"):
        retested(folder, FEW)
    with pytest.raises(OptimergeError, match="scores on every document of task 'echo'"):
        retested(folder, Wanted(baselines=False, masks=0, test_items=5))
