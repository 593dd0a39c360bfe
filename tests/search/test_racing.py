"""Racing in a search: who is stopped, what is kept of it, what it changes and what it must not."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from racing_family import make_racing_family

from optimerge.cli.main import run
from optimerge.cli.progress import SearchProgress
from optimerge.cli.quiet import quiet
from optimerge.front.front import front_of, make_front
from optimerge.objectives.protocol import Candidate
from optimerge.records.artifacts import FOLDER, artifacts_in
from optimerge.records.evidence import read_evidence
from optimerge.records.run import Run, open_run
from optimerge.records.types import Trial
from optimerge.search import study
from optimerge.search.budget import Stop, make_budget
from optimerge.search.next_trial import begin_next
from optimerge.search.proposer import Proposer
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.session import Session

TASKS = ("echo", "mimic")
ITEMS = 140


@pytest.fixture(scope="module")
def made_racing_family(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_racing_family(made_family, tmp_path_factory.mktemp("racing") / "family")


@pytest.fixture
def racing_family(made_racing_family: Path, tmp_path: Path) -> Path:
    """A copy to write other spaces into; the tasks' data stay where they are."""
    return Path(shutil.copytree(made_racing_family, tmp_path / "racing family"))


def changed(family: Path, old: str, new: str) -> Path:
    file = family / "space.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    return family


def without_racing(family: Path) -> Path:
    return changed(family, "seed: 0}", "seed: 0, racing: false}")


@pytest.fixture(scope="module")
def raced(made_racing_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search of 16 trials with racing on; not to be written to."""
    folder = tmp_path_factory.mktemp("raced")
    from optimerge.search.session import open_session
    from optimerge.space.read import read_space

    class Nobody:
        def trial(self, trial: Trial) -> None: ...

    with quiet(scoring=True), pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "FAILURES_IN_A_ROW", 1)  # to be stopped is no failure
        session = open_session(
            read_space(made_racing_family / "space.yaml"), folder / "run", device="cpu"
        )
        study.search(session, make_budget(16, None), sampler_named("random"), Stop(), Nobody())
    return open_run(folder / "run")


def stopped(trials: list[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.state == "pruned"]


def test_a_dominated_candidate_is_stopped_with_what_is_known_of_it(raced: Run) -> None:
    trials = raced.trials()
    assert len(trials) == raced.finished() == 16
    names = {t.name for t in trials if t.state == "complete"}
    assert {t.state for t in trials} == {"complete", "pruned"}
    for trial in stopped(trials):
        assert trial.stopped.startswith("dominated by ")
        assert trial.stopped.split()[2] in names
        assert "(confidence 0.95)" in trial.stopped or "(certain)" in trial.stopped
        assert not trial.error
        assert trial.params
        assert trial.recipe
        assert trial.stats is not None
        assert trial.scores["nonzero"].value == trial.stats.nonzero_share
        for task in TASKS:
            score = trial.scores[task]
            assert 25 <= score.items < ITEMS
            assert f"{score.items} of {ITEMS}" in trial.stopped
    for trial in trials:
        if trial.state == "complete":
            assert not trial.stopped
            assert {trial.scores[task].items for task in TASKS} == {ITEMS}


def test_its_evidence_holds_what_was_scored_and_its_scores_are_estimates_from_it(
    raced: Run,
) -> None:
    order = {}
    for trial in raced.trials():
        if trial.state == "complete":
            kept = read_evidence(artifacts_in(raced.folder), trial.evidence)
            assert kept is not None
            order = {each.task: each.documents for each in kept.tasks}
    assert {len(documents) for documents in order.values()} == {ITEMS}
    for trial in stopped(raced.trials()):
        kept = read_evidence(artifacts_in(raced.folder), trial.evidence)
        assert kept is not None
        for each in kept.tasks:
            score, values = trial.scores[each.task], each.values["acc,none"]
            assert each.documents == order[each.task][: score.items]
            assert score.value == pytest.approx(values.mean())
            # one more item at each bound; what is already known of the finite set is no error
            spread = np.append(values, (0.0, 1.0)).var(ddof=1)
            known = len(values) / ITEMS
            assert score.stderr == pytest.approx((spread * (1 - known) / len(values)) ** 0.5)


def test_it_is_never_on_the_front_nor_in_the_hypervolume(raced: Run) -> None:
    front = front_of(raced)
    whole = [t for t in raced.trials() if t.state == "complete"]
    assert {t.name for t in front.trials} == {t.name for t in whole}
    alone = make_front(whole, raced.info.objectives, raced.reference)
    assert front.hypervolume == alone.hypervolume
    assert all(t.state == "complete" for t in front.members)


def test_survivors_score_as_without_racing_and_the_others_are_dominated_indeed(
    raced: Run, racing_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    session = opened(without_racing(racing_family), tmp_path / "whole")
    assert session.races is None
    whole = searched(session, 16)
    assert all(t.state == "complete" for t in whole)
    assert all(t.scores[task].items == ITEMS for t in whole for task in TASKS)
    for mine, theirs in zip(raced.trials(), whole, strict=True):
        assert mine.params == theirs.params  # random draws do not look at scores
        assert mine.scores["nonzero"].value == theirs.scores["nonzero"].value
        if mine.state == "complete":
            for task in TASKS:
                assert mine.scores[task].value == theirs.scores[task].value
    lost = {t.name for t in stopped(raced.trials())}
    front = front_of(open_run(tmp_path / "whole"))
    assert lost
    assert not lost & {t.name for t in front.members}
    assert front_of(raced).hypervolume == front.hypervolume


def outcomes(session: Session, reference: str) -> list[list[float]]:
    """Score a parent whole, and return its losses in the order of the documents."""
    with quiet(scoring=True):
        stats = session.engine.apply(session.parent_recipe(reference))
        scored = session.evaluation.score(Candidate(session.engine.model, stats))
    return [list(-1.0 * each.values["acc,none"]) for each in scored.evidence.tasks]


def rivals(session: Session) -> dict[str, Any]:
    assert session.races is not None
    race = session.races.next()
    return {each.name: each for each in race.rivals} if race else {}


def test_a_resumed_search_races_against_the_outcomes_in_the_run_folder(
    made_racing_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    first = opened(made_racing_family, tmp_path / "run")
    searched(first, 6)
    again = opened(made_racing_family, tmp_path / "run")
    found = rivals(again)
    members = {t.name: t for t in front_of(again.run).members}
    assert {"base", "red"} <= set(members)
    assert set(found) == set(members)
    for name, rival in found.items():
        assert rival.exact == [members[name].scores["nonzero"].value]
    for name in ("base", "red"):
        reference = again.models.base.reference if name == "base" else references(again)[name]
        wanted = outcomes(again, reference)
        assert [list(each) for each in found[name].losses] == wanted
        assert wanted[0] != sorted(wanted[0]) or wanted[1] != sorted(wanted[1])


def references(session: Session) -> dict[str, str]:
    return {name: reference for reference, name in session.models.names.items()}


FAULTS = ("missing", "other items", "other order", "cut")


@pytest.mark.parametrize(
    "fault", ["damaged", *(pytest.param(each, marks=pytest.mark.slow) for each in FAULTS)]
)
def test_a_member_without_its_outcomes_is_not_raced_against(
    made_racing_family: Path,
    tmp_path: Path,
    opened: Any,
    searched: Any,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = opened(made_racing_family, tmp_path / "run")
    searched(session, 4)
    before = rivals(session)
    assert "red" in before
    name = next(t.evidence for t in session.run.trials() if t.name == "red")
    spoil(session.run.folder, name, fault)
    after = rivals(opened(made_racing_family, tmp_path / "run"))
    assert set(after) == set(before) - {"red"}
    assert ("not raced against" in caplog.text) == (fault in ("damaged", "cut"))


def spoil(folder: Path, name: str, fault: str) -> None:
    from dataclasses import replace

    from optimerge.records.evidence import Evidence, write_evidence

    path = folder / FOLDER / f"{name}.npz"
    kept = read_evidence(artifacts_in(folder), name)
    assert kept is not None
    first = kept.tasks[0]
    if fault == "missing":
        path.unlink()
    elif fault == "damaged":
        path.write_bytes(path.read_bytes()[:100])
    elif fault == "other items":
        first = replace(first, digest="0" * 32)
    elif fault == "other order":
        first = replace(first, documents=first.documents[::-1])
    else:
        first = replace(first, values={k: v[:-1] for k, v in first.values.items()})
    if fault not in ("missing", "damaged"):
        write_evidence(artifacts_in(folder), name, Evidence([first, *kept.tasks[1:]]))


def test_members_that_break_a_constraint_are_no_rivals(
    racing_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    """What only they dominate may be on the front of what is allowed."""
    changed(racing_family, "  - sparsity: nonzero", "  - {sparsity: nonzero, at_most: 0.5}")
    session = opened(racing_family, tmp_path / "run")
    searched(session, 8)
    found = rivals(session)
    assert set(found) == {t.name for t in front_of(session.run).members}
    assert "base" in found
    assert "red" not in found  # it has all of its parameters changed
    for frozen in session.run.search.get_trials(deepcopy=False):
        assert list(frozen.constraints) == ["nonzero <= 0.5"]  # of stopped ones too


@pytest.mark.slow
def test_what_is_no_bounded_mean_is_scored_whole_and_decides_who_is_a_rival(
    racing_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    changed(racing_family, "  - sparsity: nonzero", "  - {perplexity: text.txt}")
    (racing_family / "text.txt").write_text(" ".join(f"w{i * i % 20}" for i in range(90)))
    session = opened(racing_family, tmp_path / "run")
    assert [each.name for each in session.evaluation.raced] == list(TASKS)
    trials = {t.name: t for t in searched(session, 24)}
    lost = stopped(list(trials.values()))
    assert lost
    for trial in lost:
        rival = trials[trial.stopped.split()[2]]
        assert rival.scores["perplexity"].value <= trial.scores["perplexity"].value
        assert trial.scores["perplexity"].items == rival.scores["perplexity"].items


def test_documents_shared_with_a_metric_that_is_no_mean_are_scored_at_once(
    racing_family: Path, tmp_path: Path, opened: Any
) -> None:
    """f1 of the first documents would else pass for the f1 of all."""
    for task in TASKS:
        file = racing_family / "tasks" / f"{task}.yaml"
        more = "  - {metric: f1, aggregation: f1, higher_is_better: true}\nmetadata"
        file.write_text(file.read_text().replace("metadata", more))
    changed(
        racing_family,
        "  - sparsity: nonzero",
        '  - {task: echo, metric: "f1", name: echo_f1, search_items: 140, test_items: 10}',
    )
    session = opened(racing_family, tmp_path / "run")
    assert len({each.run for each in session.evaluation.objectives}) == 2
    assert [each.name for each in session.evaluation.raced] == ["mimic"]
    first = dict(session.evaluation.rounds[0].parts)
    assert sorted(len(documents) for documents in first.values())[1] == ITEMS


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nsga2", "random", "tpe"])
def test_a_stopped_search_goes_on_as_if_it_had_not_stopped(
    made_racing_family: Path, tmp_path: Path, opened: Any, searched: Any, sampler: str
) -> None:
    whole = searched(opened(made_racing_family, tmp_path / "whole"), 18, sampler)
    cut = opened(made_racing_family, tmp_path / "parts")
    searched(cut, 18, sampler, stop_after=14)
    begin_next(cut, Proposer(sampler_named(sampler)), Stop(), print)  # and then killed
    searched(opened(made_racing_family, tmp_path / "parts"), 18, sampler)
    parts = open_run(tmp_path / "parts").trials()
    assert stopped(whole[:14])  # the sampler goes on from them
    assert [t.params for t in parts] == [t.params for t in whole]
    assert [t.stopped for t in parts] == [t.stopped for t in whole]
    assert [values(t) for t in parts] == [values(t) for t in whole]


def values(trial: Trial) -> dict[str, float]:
    return {name: score.value for name, score in trial.scores.items()}


def test_the_commands_tell_of_it(raced: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder, trials = str(raced.folder), raced.trials()
    early = stopped(trials)
    asked = sum(t.scores[task].items for t in trials for task in TASKS)
    share = f"{1 - asked / (16 * 2 * ITEMS):.0%}"
    text = f"topped early: {len(early)} of 16 trials, which saved {share} of the items"
    for command in ("status", "front"):
        assert run([command, folder]) == 0
        assert text in capsys.readouterr().out
    assert run(["show", folder, early[0].name]) == 0
    shown = capsys.readouterr().out
    assert f"why: {early[0].stopped}" in shown
    assert "estimates from a part of the items" in shown
    whole = next(t for t in trials if t.state == "complete")
    assert run(["show", folder, whole.name]) == 0
    assert "estimates" not in capsys.readouterr().out
    line = SearchProgress(raced, make_budget(16, None)).line(16)
    assert f"{len(early)} stopped early" in line


def test_racing_is_turned_off_by_an_option(
    made_racing_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = str(made_racing_family / "space.yaml")
    assert run(["search", space, "--dry-run"]) == 0
    assert "seed 0, racing at confidence 0.95" in capsys.readouterr().out
    assert run(["search", space, "--dry-run", "--no-racing"]) == 0
    assert "seed 0, no racing" in capsys.readouterr().out
    folder = ["--run-dir", str(tmp_path / "run"), "--trials"]
    assert run(["search", space, *folder, "8"]) == 0  # may be turned off and on in a run
    assert run(["search", space, *folder, "10", "--no-racing"]) == 0
    last = open_run(tmp_path / "run").trials()[-2:]
    assert [t.state for t in last] == ["complete", "complete"]


def test_what_is_left_is_scored_in_one_go_once_a_stop_is_unlikely(
    made_racing_family: Path, tmp_path: Path, opened: Any
) -> None:
    session = opened(made_racing_family, tmp_path / "run")
    asked: list[int] = []

    class Once:
        going = False

        def lost(self, answers: Any, known: Any) -> str:
            asked.append(sum(len(each.values["acc,none"]) for each in answers.values()))
            return ""

    with quiet(scoring=True):
        stats = session.engine.apply(session.parent_recipe(session.models.base.reference))
        candidate = Candidate(session.engine.model, stats)
        once = [session.evaluation.score(candidate, Once()) for _ in range(2)]
        whole = session.evaluation.score(candidate)
    assert asked == [50, 50]  # the first block of two tasks, and then never again
    assert len(session.evaluation.rounds) > 2
    for scored in once:
        assert {n: s.value for n, s in scored.scores.items()} == {
            n: s.value for n, s in whole.scores.items()
        }
        for mine, theirs in zip(scored.evidence.tasks, whole.evidence.tasks, strict=True):
            assert mine.documents == theirs.documents
            assert (mine.values["acc,none"] == theirs.values["acc,none"]).all()
