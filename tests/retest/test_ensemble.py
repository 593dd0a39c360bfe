"""The parents' ensemble: what it is of, where its weights come from, what it cannot be scored on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from retesting import Seen, opened, retested

from optimerge.records.run import open_run
from optimerge.retest.exams import make_exams
from optimerge.retest.found import parents_found
from optimerge.retest.greedy import Likeliest, Together
from optimerge.retest.plan import Wanted
from optimerge.retest.pooled import Pool, answered, pooled_objectives
from optimerge.retest.read import read_results
from optimerge.retest.simplex import best, lattice
from optimerge.search.session import Session


def pool_of(session: Session, names: Sequence[str]) -> Pool:
    evaluation, answers = session.evaluation, []
    found = {parent.name: parent for parent in parents_found(session)}
    for name in names:
        session.engine.apply(found[name].recipe)
        answers.append(answered(evaluation, session.engine.model))
    return Pool(pooled_objectives(evaluation), answers)


def test_an_ensemble_of_one_model_is_that_model_and_its_weight_on_one_too(folder: Path) -> None:
    session = opened(folder)
    parents = {parent.name: parent.trial for parent in parents_found(session)}
    same = pool_of(session, ["red", "red", "red"])
    for weights in ((0.2, 0.3, 0.5), (1 / 3, 1 / 3, 1 / 3)):
        scores, _ = same.scores(weights)
        assert scores["echo"].value == parents["red"].scores["echo"].value
        assert scores["loss"].value == pytest.approx(parents["red"].scores["loss"].value)
    several = pool_of(session, ["base", "red", "blue"])
    for place, name in enumerate(["base", "red", "blue"]):
        scores, _ = several.scores([float(place == k) for k in range(3)])
        for objective in ("echo", "loss"):
            assert scores[objective].value == parents[name].scores[objective].value


def test_the_average_is_of_log_likelihoods(folder: Path) -> None:
    """By hand: options' log-likelihoods averaged, then the best one taken."""
    session = opened(folder)
    evaluation = session.evaluation
    (run,) = {run for each in evaluation.on_tasks for run in each.runs}
    values = []
    for parent in parents_found(session)[1:]:
        session.engine.apply(parent.recipe)
        values.append(answered(evaluation, session.engine.model)[run].values)
    averaged = (0.3 * values[0] + 0.7 * values[1]).reshape(-1, 4)
    gold = [run.requests([d])[0].instance.doc["gold"] for d in run.documents]
    right = float((averaged.argmax(axis=1) == gold).mean())
    scores, evidence = pool_of(session, ["red", "blue"]).scores([0.3, 0.7])
    assert scores["echo"].value == right
    assert set(evidence.tasks[0].values) == {"acc,none", "log_loss,none"}


def test_weights_are_fitted_on_the_search_items_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the answers to test items are, the weights are the same."""
    from optimerge.retest import ensemble

    retested(folder, Wanted(masks=0))
    plain = weights_of(folder)
    assert sum(plain.values()) == pytest.approx(1)
    other = folder.with_name("other")
    session = opened(make_copy(folder, other))
    (exam,) = make_exams(session)
    test_runs = {r.digest for each in exam.evaluation.on_tasks for r in each.runs}
    asked: list[set[str]] = []
    whole = ensemble.Pool

    class Noting(whole):  # type: ignore[misc, valid-type]
        def scores(self, weights: Sequence[float]) -> object:
            asked.append({run.digest for run in self._values})
            return super().scores(weights)

    monkeypatch.setattr(ensemble, "Pool", Noting)
    retested(other, Wanted(masks=0))
    assert [each & test_runs for each in asked[:-1]] == [set()] * (len(asked) - 1)
    assert asked[-1] <= test_runs  # once, with the weights that were found
    assert weights_of(other) == plain


def make_copy(folder: Path, other: Path) -> Path:
    import shutil

    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("study.journal*"))
    journal = (folder / "study.journal").read_text().splitlines(keepends=True)
    (other / "study.journal").write_text("".join(cut_before_test(journal)))
    return other


def cut_before_test(journal: list[str]) -> list[str]:
    first = next(
        n for n, line in enumerate(journal) if '"study_name":"test"' in line.replace(" ", "")
    )
    return journal[:first]


def weights_of(folder: Path) -> dict[str, float]:
    from optimerge.retest.study import latest, open_tests

    study = open_tests(open_run(folder))
    assert study is not None
    return dict(latest(study)["ensemble"].weights)


def test_tasks_that_generate_cannot_be_pooled_and_the_reason_is_kept(
    family: Path, tmp_path: Path
) -> None:
    from optimerge.cli.main import run as command

    task = yaml.safe_load((family / "tasks" / "echo.yaml").read_text())
    for key in ("doc_to_choice", "target_delimiter"):
        del task[key]
    task |= {
        "task": "write",
        "output_type": "generate_until",
        "doc_to_target": "{{options[0]}}",
        "generation_kwargs": {"until": ["="], "max_gen_toks": 2},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    (family / "tasks" / "write.yaml").write_text(yaml.safe_dump(task))
    space = yaml.safe_load((family / "space.yaml").read_text())
    space["objectives"] = [{"task": "write", "search_items": 8, "test_items": 4}]
    (family / "write_space.yaml").write_text(yaml.safe_dump(space))
    words = ["search", str(family / "write_space.yaml"), "--run-dir", str(tmp_path / "mine")]
    assert command([*words, "--trials", "4"]) == 0
    retested(tmp_path / "mine", Wanted(masks=0), seen := Seen())
    results = read_results(open_run(tmp_path / "mine"))
    assert results is not None
    assert results.skipped["ensemble"] == "task write generates text, which cannot be averaged"
    assert ("ensemble", "test") not in seen.scores
    assert all(t.test["write"].items == 4 for t in results.tested)


class Request:
    def __init__(self, answer: list[int]) -> None:
        self.pairs = [(None, [0], answer)]


class Run:
    """As much of a task's run as greedy answers need."""

    room, documents = 8, (0,)

    def __init__(self, answers: list[list[int]]) -> None:
        self._answers = answers

    def requests(self, _: object) -> list[Request]:
        return [Request(answer) for answer in self._answers]


def test_greedy_answers_of_an_average_are_those_of_the_whole_distribution() -> None:
    rng = np.random.default_rng(3)
    answers = [[int(t) for t in rng.integers(0, 6, 1 + n % 2)] for n in range(200)]
    own = np.array([token for answer in answers for token in answer])
    dense = [np.log(rng.dirichlet(np.full(6, 0.5), len(own))) for _ in range(2)]
    every = np.tile(np.arange(6), (len(own), 1))
    whole = [Likeliest(every, d, d[np.arange(len(own)), own]) for d in dense]
    cut = []
    for d in dense:
        tokens = np.sort(np.argsort(-d, axis=1)[:, :3], axis=1)
        values = np.take_along_axis(d, tokens, axis=1)
        cut.append(Likeliest(tokens, values, d[np.arange(len(own)), own]))
    starts = np.cumsum([0, *map(len, answers)])[:-1]
    for weight in (0.0, 0.3, 0.5, 1.0):
        mixed = weight * dense[0] + (1 - weight) * dense[1]
        wanted = np.logical_and.reduceat(mixed.argmax(axis=1) == own, starts)
        run: object = Run(answers)
        found = Together(run, whole).greedy([weight, 1 - weight])  # type: ignore[arg-type]
        assert (found == wanted).all()
        limited = Together(run, cut).greedy([weight, 1 - weight])  # type: ignore[arg-type]
        assert not (limited & ~wanted).any()  # never called greedy that is not
        assert limited.any()  # how many are missed depends on how many tokens are kept


def test_the_lattice_is_on_the_simplex_and_ties_go_to_the_middle() -> None:
    for count in (2, 3, 4, 7, 15):
        points = lattice(count)
        assert len(points) <= 101
        assert len(set(points)) == len(points)
        assert all(sum(p) == pytest.approx(1) and min(p) >= 0 for p in points)
        assert {tuple(float(k == n) for k in range(count)) for n in range(count)} <= set(points)
    assert best(3, lambda _: 1.0) == (1 / 3,) * 3
    assert best(2, lambda weights: -abs(weights[0] - 0.2)) == pytest.approx((0.2, 0.8))
