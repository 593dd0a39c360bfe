"""A run is scored on items that the search never saw, once each, and goes on where it was stopped."""

import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from retesting import Seen, opened, retested

from optimerge.errors import OptimergeError
from optimerge.front.front import make_front
from optimerge.objectives.scorer import TaskScorer
from optimerge.recipe.read import parse_recipe
from optimerge.records import lease as leases
from optimerge.records.attributes import origin_of
from optimerge.records.evidence import read_evidence
from optimerge.records.lease import BEAT, WORKER, new_worker
from optimerge.records.run import Run, open_run
from optimerge.retest import study as kept
from optimerge.retest.baselines import BASELINES, SCALES
from optimerge.retest.exams import make_exams
from optimerge.retest.plan import Wanted
from optimerge.retest.read import read_results
from optimerge.retest.study import make_tests, open_tests
from optimerge.search import beside
from optimerge.search.budget import Stop
from optimerge.search.candidate import Outcome, attempt
from optimerge.search.lease import running_trials
from optimerge.search.session import Session
from optimerge.search.soup import mean_score

Tested = tuple[Path, Seen]
FEW = Wanted(baselines=False, masks=0)


def test_front_parents_baselines_and_ensemble_have_search_and_test_scores(tested: Tested) -> None:
    folder, seen = tested
    run = open_run(folder)
    results = read_results(run)
    assert results is not None
    front = make_front(run.trials(), run.info.objectives, run.reference, run.scales)
    merges = [t.name for t in front.members if not t.is_parent]
    kinds = Counter(each.kind for each in results.tested)
    assert [t.name for t in results.tested if t.kind == "merge"] == merges
    assert merges
    assert [t.name for t in results.tested if t.kind == "parent"] == ["base", "red", "blue"]
    assert [t.name for t in results.tested if t.kind == "baseline"] == [b.name for b in BASELINES]
    assert kinds["ensemble"] == 1
    for each in results.tested:
        assert each.error == ""
        assert each.search["echo"].items == 30
        assert each.test["echo"].items == 10
        assert each.test_items["echo"].values[0].mean() == pytest.approx(each.test["echo"].value)
        assert each.search_items["echo"].values[0].mean() == pytest.approx(
            each.search["echo"].value
        )
        assert ("nonzero" in each.test) is (each.kind != "ensemble")
    assert list(results.objectives) == ["echo", "loss", "nonzero"]
    assert results.looks == 1
    assert seen.plan is not None
    assert seen.plan.tested == len(results.tested) - 1 + 2 * len(merges)
    assert max(Counter(name for name, where in seen.scores if where == "test").values()) == 1


def test_the_test_documents_are_none_that_the_search_scores_on(tested: Tested) -> None:
    folder, _ = tested
    run = open_run(folder)
    study = open_tests(run)
    assert study is not None
    searched = {d for t in run.trials() if t.evidence for d in documents(run, t.evidence)}
    on_test = {d for r in kept.records(study) for d in documents(run, r.trial.evidence)}
    assert (len(searched), len(on_test)) == (30, 10)
    assert searched.isdisjoint(on_test)


def documents(run: Run, name: str) -> tuple[int, ...]:
    found = read_evidence(run.artifacts, name)
    assert found is not None
    return found.tasks[0].documents


@pytest.mark.slow
def test_scores_are_those_of_lm_eval_on_the_test_documents(tested: Tested, tmp_path: Path) -> None:
    """What a person would do by hand: the parent's own folder, lm-eval, those documents."""
    import lm_eval.evaluator
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    folder, _ = tested
    results, run = read_results(open_run(folder)), open_run(folder)
    session = opened(Path(shutil.copytree(folder, tmp_path / "mine")))
    (exam,) = make_exams(session)
    scorer = exam.evaluation.objectives[0]
    assert isinstance(scorer, TaskScorer)
    assert results is not None
    for parent in (t for t in results.tested if t.kind == "parent"):
        place = session.models.places[parent.name]
        found = lm_eval.evaluator.simple_evaluate(
            HFLM(pretrained=place, device="cpu", dtype="auto", batch_size=8),
            tasks=["echo"],
            task_manager=TaskManager(
                include_defaults=False, include_path=str(session.space.include_path)
            ),
            samples={"echo": list(scorer.items.test)},
            log_samples=False,
            bootstrap_iters=0,
        )
        assert found["results"]["echo"]["acc,none"] == pytest.approx(parent.test["echo"].value)
    assert run.info.items


def test_a_second_time_scores_nothing_and_counts_no_look(tested: Tested, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tested[0], tmp_path / "mine"))
    before = read_results(open_run(folder))
    seen = Seen()
    retested(folder, Wanted(masks=2), seen)
    assert seen.scores == []
    trials = open_run(folder).parents.get_trials(deepcopy=False)
    recipes = Counter(t.user_attrs["recipe"] for t in trials)
    assert max(recipes.values()) == 1  # baselines were not scored again on search items
    after = read_results(open_run(folder))
    assert before is not None
    assert after is not None
    assert after.looks == before.looks
    assert [t.test for t in after.tested] == [t.test for t in before.tested]


@pytest.mark.slow
def test_two_runs_of_it_give_the_same_scores(tested: Tested, folder: Path) -> None:
    retested(folder, Wanted(masks=2))
    once, again = read_results(open_run(tested[0])), read_results(open_run(folder))
    assert once is not None
    assert again is not None

    def values(results: object) -> object:
        return [
            (t.name, {k: s.value for k, s in t.test.items()}, [m.seed for m in t.masks])
            for t in results.tested  # type: ignore[attr-defined]
        ]

    assert values(once) == values(again)


@pytest.mark.slow
@pytest.mark.parametrize("after", [2, 9, 17])
def test_what_was_stopped_goes_on_and_nothing_is_scored_twice(
    tested: Tested, folder: Path, after: int
) -> None:
    stop = Stop()
    first, second = Seen(stop, after), Seen()
    retested(folder, Wanted(masks=2), first, stop)
    assert len(first.scores) >= after
    assert len(first.scores) < len(tested[1].scores)
    retested(folder, Wanted(masks=2), second)
    on_test = [name for name, where in [*first.scores, *second.scores] if where == "test"]
    assert len(on_test) == len(set(on_test))
    assert sorted(on_test) == sorted(n for n, where in tested[1].scores if where == "test")
    results = read_results(open_run(folder))
    assert results is not None
    assert results.looks == 1  # the same look, cut short


def test_a_killed_process_leaves_no_trial_that_counts(folder: Path) -> None:
    run = open_run(folder)
    study = make_tests(run)
    gone = str(new_worker()).split(":")
    gone[1] = "999999999"  # no process has this number
    trial = study.ask()
    trial.set_user_attr(WORKER, ":".join(gone))
    trial.set_user_attr("origin", "base")
    seen = Seen()
    retested(folder, FEW, seen)
    assert ("base", "test") in seen.scores
    states = [t.state.name for t in study.get_trials()]
    assert states[0] == "FAIL"
    assert "RUNNING" not in states
    results = read_results(open_run(folder))
    assert results is not None
    assert not any(each.error for each in results.tested)


def test_a_model_that_fails_is_recorded_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(folder)
    apply, broken = session.engine.apply, session.parent_recipe("red")

    def fail_red(recipe: object) -> object:
        if recipe == broken:
            raise RuntimeError("a cable was pulled")
        return apply(recipe)  # type: ignore[arg-type]

    from optimerge.retest.retest import retest

    monkeypatch.setattr(session.engine, "apply", fail_red)
    seen = Seen()
    retest(session, FEW, Stop(), seen)
    results = read_results(open_run(folder))
    assert results is not None
    errors = {t.name: t.error for t in results.tested}
    assert errors.pop("red") == "RuntimeError: a cable was pulled"
    assert set(errors.values()) == {""}
    again = Seen()
    retested(folder, FEW, again)
    assert again.scores == [("red", "test")]


def test_only_the_trials_that_are_asked_for(folder: Path) -> None:
    run = open_run(folder)
    number = next(t.number for t in run.trials() if not t.is_parent and t.state == "complete")
    assert number is not None
    seen = Seen()
    retested(folder, Wanted(trials=(number,), masks=1), seen)
    names = [name for name, _ in seen.scores]
    assert names == ["base", "red", "blue", str(number), f"{number} seed 1000"]
    with pytest.raises(OptimergeError, match="no trial '999'"):
        retested(folder, Wanted(trials=(999,)))


def test_masks_differ_by_seed_and_are_what_a_build_of_that_seed_gives(tested: Tested) -> None:
    folder, _ = tested
    results = read_results(open_run(folder))
    assert results is not None
    merge = next(t for t in results.tested if t.kind == "merge")
    assert [m.seed for m in merge.masks] == [1000, 1001]
    study = open_tests(open_run(folder))
    assert study is not None
    recipes = {
        parse_recipe(r.trial.recipe, "a test").block.seed
        for r in kept.records(study)
        if r.trial.origin.startswith(f"masks:{merge.name}:")
    }
    assert recipes == {1000, 1001}


def test_another_seed_gives_other_tensors_and_then_the_first_again(folder: Path) -> None:
    session = opened(folder)
    trial = next(t for t in open_run(folder).trials() if t.origin == "sampler")
    recipe = session.recipe({**trial.params})
    engine = session.engine

    def written() -> torch.Tensor:
        engine.apply(recipe)
        return torch.cat([p.detach().reshape(-1).clone() for p in engine.model.parameters()])

    first = written()
    with engine.other_seed(1000):
        other = written()
        assert torch.equal(other, written())
    assert not torch.equal(first, other)
    assert torch.equal(first, written())


def test_baselines_have_the_papers_numbers(tested: Tested) -> None:
    folder, _ = tested
    results = read_results(open_run(folder))
    assert results is not None
    recipes = {t.name: yaml.safe_load(t.recipe) for t in results.tested if t.kind == "baseline"}

    def numbers(name: str) -> list[dict[str, float]]:
        return [m.get("parameters", {}) for m in recipes[name]["models"]]

    assert recipes["uniform"]["merge_method"] == "linear"
    assert [m["weight"] for m in numbers("uniform")] == [0.0, 1.0, 1.0]  # the base, the experts
    assert numbers("ties") == [{"weight": 1.0, "density": 0.2}] * 2
    assert recipes["ties"]["parameters"] == {"normalize": True, "lambda": 1.0}
    assert numbers("dare_ties") == [{"weight": 1.0, "density": 0.8}] * 2
    assert recipes["dare_ties"]["parameters"]["rescale"] is True
    assert recipes["model_stock"]["merge_method"] == "model_stock"
    assert recipes["slerp"]["parameters"] == {"t": 0.5}
    scales = numbers("task_arithmetic")
    assert scales[0] == scales[1]
    assert scales[0]["weight"] in SCALES


def test_task_arithmetic_has_the_scale_with_the_best_search_score(tested: Tested) -> None:
    folder, _ = tested
    run, results = open_run(folder), read_results(open_run(folder))
    assert results is not None
    from optimerge.records.attributes import as_trial

    trials = [
        as_trial(t, run.info.objectives, numbered=False)
        for t in run.parents.get_trials(deepcopy=False)
        if str(t.user_attrs.get("origin")).startswith("baseline:task_arithmetic:")
    ]
    assert len(trials) == len(SCALES)
    best = max(mean_score(t, ["echo", "loss"]) for t in trials)
    chosen = next(t for t in results.tested if t.name == "task_arithmetic")
    first = next(t for t in trials if mean_score(t, ["echo", "loss"]) == best)
    assert chosen.recipe == first.recipe  # the smallest of equals


@pytest.mark.slow
def test_baselines_that_a_run_cannot_have_are_left_out_with_the_reason(
    family: Path, tmp_path: Path
) -> None:
    from optimerge.cli.main import run as command

    space = yaml.safe_load((family / "space.yaml").read_text())
    space["models"] = space["models"][:1]
    (family / "one.yaml").write_text(yaml.safe_dump(space))
    folder = tmp_path / "one"
    words = ["search", str(family / "one.yaml"), "--run-dir", str(folder), "--trials", "4"]
    assert command(words) == 0
    retested(folder, Wanted(masks=0))
    results = read_results(open_run(folder))
    assert results is not None
    have = {t.name for t in results.tested if t.kind == "baseline"}
    assert have == {"task_arithmetic", "ties", "dare_ties"}
    assert set(results.skipped) == {"uniform", "greedy_soup", "model_stock", "slerp"}
    assert results.skipped["slerp"] == "it merges 2 experts, and the space has 1"


def test_baselines_are_held_while_they_are_scored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no search elsewhere takes the retest for lost: see `search.lease`."""
    monkeypatch.setattr(leases, "BEAT_EVERY", 0.01)
    scored: list[str] = []

    def waiting(session: Session, *given: Any, **named: Any) -> Outcome:
        ends = time.monotonic() + 60
        [running] = running_trials(session.run.parents)
        while not running.user_attrs.get(BEAT) and time.monotonic() < ends:
            time.sleep(0.002)
            [running] = running_trials(session.run.parents)
        assert running.user_attrs[BEAT]
        scored.append(origin_of(running))
        return attempt(session, *given, **named)

    monkeypatch.setattr(beside, "attempt", waiting)
    retested(folder, Wanted(masks=0))
    assert "baseline:uniform" in scored
