"""Constraints and the other kinds of objectives in a search: told to Optuna, kept, shown."""

import json
from pathlib import Path
from random import Random
from typing import Any

import optuna
import pytest

from optimerge.cli.main import run
from optimerge.errors import RecipeError, RunError
from optimerge.front.front import front_of
from optimerge.records.run import open_run
from optimerge.search.proposals import known_trial, suggest_point
from optimerge.search.samplers.registry import SAMPLERS, Ask
from optimerge.space.objectives import objective_name
from optimerge.space.points import random_point
from optimerge.space.read import read_space

OLD = "  - sparsity: nonzero\n"
HALF = "  - {sparsity: nonzero, at_most: 0.5}\n"
"""The base keeps it, and merges of small density; the experts do not."""
WATCHED = """\
  - {sparsity: nonzero}
  - {drift: prompts.txt, optimize: false, at_most: 0.05}
  - {perplexity: text.txt, optimize: false}
  - {length: prompts.txt, max_new_tokens: 4}
"""


def with_objectives(family: Path, text: str) -> Path:
    file = family / "space.yaml"
    assert OLD in file.read_text()
    file.write_text(file.read_text().replace(OLD, text))
    (family / "prompts.txt").write_text("w1 w2 w3 =\nw4 w5 =\nw7 w7 w1 w2 =\n")
    (family / "text.txt").write_text(" ".join(f"w{i * i % 20}" for i in range(90)))
    return family


@pytest.mark.parametrize(
    "sampler", [pytest.param("gp", marks=pytest.mark.slow), "nsga2", "tpe"]
)  # the Gaussian process takes seconds for a proposal
def test_every_completed_trial_tells_the_sampler_and_none_that_breaks_it_is_on_the_front(
    family: Path, tmp_path: Path, opened: Any, searched: Any, sampler: str
) -> None:
    searched(opened(with_objectives(family, HALF), tmp_path / "run"), 13, sampler)
    opened_run = open_run(tmp_path / "run")
    for study in (opened_run.search, opened_run.parents):
        for frozen in study.get_trials(deepcopy=False):
            assert list(frozen.constraints) == ["nonzero <= 0.5"]
            assert frozen.constraints["nonzero <= 0.5"] == frozen.values[1] - 0.5
    trials, front = opened_run.trials(), front_of(opened_run)
    assert 0 < len(front.feasible) < len(trials) == 13
    assert {t.name for t in front.feasible} == {
        t.name for t in trials if t.scores["nonzero"].value <= 0.5
    }
    assert front.members
    assert all(t.scores["nonzero"].value <= 0.5 for t in front.members)
    best = {t.number for t in opened_run.search.best_trials}
    ours = {t.number for t in front.members if t.number is not None}
    assert ours <= best  # Optuna's own front, which also holds equal points and the parents' copies


def test_samplers_read_the_constraint(
    family: Path, tmp_path: Path, opened: Any, searched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the constraint turned round (its sign), TPE proposes other points from then on."""
    with_objectives(family, HALF)
    whole = searched(opened(family, tmp_path / "run"), 17, "tpe")
    real = optuna.Trial.set_constraint
    monkeypatch.setattr(optuna.Trial, "set_constraint", lambda t, k, v: real(t, k, -v))
    turned = searched(opened(family, tmp_path / "turned"), 17, "tpe")
    points = [[dict(t.params) for t in trials if not t.is_parent] for trials in (whole, turned)]
    assert points[0][:5] == points[1][:5]
    assert points[0] != points[1]


@pytest.mark.slow
def test_a_resumed_run_keeps_the_constraints(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    with_objectives(family, HALF)
    whole = searched(opened(family, tmp_path / "whole"), 14, "tpe")
    first = searched(opened(family, tmp_path / "parts"), 14, "tpe", stop_after=12)
    rest = searched(opened(family, tmp_path / "parts"), 14, "tpe")
    assert [t.params for t in first + rest] == [t.params for t in whole]
    assert [t.constraints for t in first + rest] == [t.constraints for t in whole]
    file = family / "space.yaml"
    file.write_text(file.read_text().replace("at_most: 0.5", "at_most: 0.6"))
    with pytest.raises(RunError, match=r"at_most was 0\.5 and is 0\.6"):
        opened(family, tmp_path / "parts")


def test_failed_trials_have_no_constraints(
    family: Path, tmp_path: Path, opened: Any, searched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimerge.objectives.sparsity import SparsityScorer

    session = opened(with_objectives(family, HALF), tmp_path / "run")
    score, calls = SparsityScorer.score, []

    def now_and_then(self: Any, candidate: Any) -> Any:
        calls.append(0)
        if len(calls) % 5 == 0:
            raise ValueError("broken")
        return score(self, candidate)

    monkeypatch.setattr(SparsityScorer, "score", now_and_then)
    trials = searched(session, 12, "random")
    assert {t.state for t in trials} == {"complete", "failed"}
    assert all(bool(t.constraints) == (t.state == "complete") for t in trials)


def test_what_is_only_watched_is_recorded_and_no_axis(
    family: Path, tmp_path: Path, opened: Any, searched: Any, capsys: Any
) -> None:
    session = opened(with_objectives(family, WATCHED), tmp_path / "run")
    told = searched(session, 8)
    opened_run = open_run(tmp_path / "run")
    stored = opened_run.trials()
    assert stored == told
    assert dict(opened_run.info.objectives) == {
        "echo": "maximize",
        "nonzero": "minimize",
        "length": "minimize",
    }
    assert set(opened_run.info.items) == {"echo", "drift", "perplexity", "length"}
    for trial in stored:
        assert list(trial.scores) == ["echo", "nonzero", "length", "drift", "perplexity"]
        drift = trial.scores["drift"]
        assert (drift.items, drift.direction) == (3, "minimize")
        assert trial.constraints == {"drift <= 0.05": drift.value - 0.05}
    base = stored[0]
    assert base.scores["drift"].value == 0.0  # it was measured from these very weights
    assert stored[1].scores["drift"].value > 0.05
    assert [frozen.values for frozen in opened_run.search.get_trials(deepcopy=False)][-1] == [
        stored[-1].scores[name].value for name in opened_run.info.objectives
    ]
    for arguments, words in (
        (["show", str(tmp_path / "run"), "red"], ["drift: ", "missed by", "infeasible", "text"]),
        (["status", str(tmp_path / "run")], ["constraint drift <= 0.05: kept by "]),
        (["front", str(tmp_path / "run")], ["drift", "◂ expert infeasible: drift <= 0.05 by"]),
    ):
        capsys.readouterr()
        assert run(arguments) == 0
        text = capsys.readouterr().out
        for word in words[:3]:
            assert word in text


def test_a_run_in_which_nothing_is_feasible_says_so(
    family: Path, tmp_path: Path, opened: Any, searched: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    impossible = "  - {sparsity: nonzero, at_least: 2}\n"
    searched(opened(with_objectives(family, impossible), folder), 14, "random")
    assert run(["front", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "0 of 14 trials" in text
    assert "none of the 14 complete trials keeps every constraint" in text
    assert "nonzero >= 2 by 1" in text
    assert run(["front", str(folder), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert "none of the 14" in err
    assert run(["status", str(folder)]) == 0
    assert "constraint nonzero >= 2: kept by 0 of 14" in capsys.readouterr().out
    assert run(["export", str(folder), "-o", "-"]) == 2
    error = capsys.readouterr().err
    assert "nothing to pick" in error
    assert "--trial" in error
    near = error.partition("--trial ")[2].split()[0]
    assert run(["export", str(folder), "--trial", near, "-o", "-"]) == 0
    assert "MISSED by" in capsys.readouterr().out
    space = str(family / "space.yaml")
    assert run(["search", space, "--run-dir", str(folder), "--trials", "14"]) == 0
    following = capsys.readouterr().out.partition("\nNext:\n")[2]
    assert f"optimerge front {folder} --all" in following
    assert "optimerge export" not in following


def test_drift_to_an_expert_is_zero_there_and_unknown_parents_are_refused(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    with_objectives(family, "  - {drift: prompts.txt, to: red}\n")
    trials = {t.name: t for t in searched(opened(family, tmp_path / "run"), 4)}
    assert trials["red"].scores["drift"].value == 0.0
    assert trials["base"].scores["drift"].value > 0
    file = family / "space.yaml"
    file.write_text(file.read_text().replace("to: red", "to: rod"))
    with pytest.raises(RecipeError, match="to: the space has no model 'rod'; did you mean 'red'"):
        opened(family, tmp_path / "other")


def test_changed_prompts_are_another_run(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    with_objectives(family, "  - {drift: prompts.txt}\n")
    searched(opened(family, tmp_path / "run"), 2)
    (family / "prompts.txt").write_text("w1 w2 =\n")
    with pytest.raises(RunError, match="what 'drift' scores, its items or its code, is not what"):
        opened(family, tmp_path / "run")


def test_check_says_what_each_objective_is(
    family: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_objectives(
        family,
        WATCHED + "  - {parameters: count, at_most: 1e9}\n"
        "  - {function: mine:judge, direction: maximize}\n",
    )
    (family / "mine.py").write_text("def judge(model, tokenizer):\n    return 1\n")
    assert run(["check", str(family / "space.yaml")]) == 2
    assert "give --allow-code" in capsys.readouterr().err
    assert run(["check", str(family / "space.yaml"), "--allow-code"]) == 0
    text = capsys.readouterr().out
    for line in (
        "objective drift: minimize mean KL(base || candidate) on prompts.txt, 12 of 12 tokens of "
        "3 prompts, 0.00115 MB kept in main memory; at most 0.05; not optimised",
        "objective perplexity: minimize token perplexity of text.txt, 90 tokens in 2 windows of "
        "64; not optimised",
        "objective length: minimize mean answer length on prompts.txt, 3 prompts, at most 4 new "
        "tokens each",
        "objective parameters: minimize the number of parameters; at most 1e+09",
        "objective judge: maximize mine:judge(model, tokenizer)",
    ):
        assert line in text
    (family / "prompts.txt").unlink()
    assert run(["check", str(family / "space.yaml")]) == 2
    error = capsys.readouterr().err
    assert "objective 'drift': " in error
    assert "prompts.txt: no such file" in error


def test_what_is_only_watched_is_no_objective_of_the_sampler(family: Path) -> None:
    space = read_space(with_objectives(family, WATCHED) / "space.yaml")
    names = ["echo", "nonzero", "drift", "perplexity", "length"]
    assert [objective_name(s) for s in space.objectives] == names

    def proposal(**stderr: float) -> dict[str, Any]:
        study = optuna.create_study(directions=["maximize", "minimize", "minimize"])
        for number in range(6):
            point = random_point(space, Random(number))
            values = [Random(f"{number} {name}").random() for name in space.optimized]
            scores = {name: {"value": 0.5, "stderr": stderr.get(name, 0.1)} for name in names}
            study.add_trial(known_trial(space, point, values, {"scores": scores}))
        study.sampler = SAMPLERS["auto"].make(Ask(space, 0, finished=6))
        return suggest_point(study.ask(), space)

    plain = proposal()
    assert proposal(drift=5.0, perplexity=5.0) == plain
    assert proposal(length=5.0) != plain
