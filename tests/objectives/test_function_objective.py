"""A user's function as an objective: only with consent, read strictly, never fatal."""

from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.function import FunctionScorer
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.function import FunctionObjective


@pytest.fixture
def make(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Any:
    def made(code: str | None, name: str = "mine:judge", allow: bool = True) -> FunctionScorer:
        if code is not None:
            (tmp_path / "mine.py").write_text(code)
        spec = FunctionObjective(function=name, direction="maximize")
        return FunctionScorer("judge", spec, Context(model.config, tokenizer, tmp_path, allow))

    return made


def returning(text: str) -> str:
    return f"def judge(model, tokenizer):\n    return {text}\n"


@pytest.mark.parametrize(
    ("text", "value", "stderr", "items"),
    [
        ("2", 2.0, None, 0),
        ("(0.5, 0.1)", 0.5, 0.1, 0),
        ("{'value': 3.5, 'stderr': 0, 'items': 7}", 3.5, 0.0, 7),
        ("{'value': 1}", 1.0, None, 0),
        ("__import__('torch').tensor(1.5)", 1.5, None, 0),
        ("float(len(tokenizer) + model.config.vocab_size)", 62.0, None, 0),
    ],
)
def test_a_number_a_pair_or_a_mapping_is_a_score(
    make: Any, candidate: Candidate, text: str, value: float, stderr: float | None, items: int
) -> None:
    score = make(returning(text)).score(candidate)
    assert (score.value, score.stderr, score.items) == (value, stderr, items)
    assert score.direction == "maximize"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("'high'", "returned 'high', and must return a number"),
        ("None", "returned 'None'"),
        ("{'score': 1}", "must return a number"),
        ("float('nan')", "returned value nan"),
        ("(1, -2)", "stderr -2"),
        ("(1, float('inf'))", "stderr inf"),
        ("__import__('torch').ones(3)", "must return a number"),
        ("[][0]", "mine:judge raised IndexError: list index out of range"),
    ],
)
def test_what_is_no_score_fails_the_trial(
    make: Any, candidate: Candidate, text: str, words: str
) -> None:
    with pytest.raises(TrialError, match="objective 'judge'") as caught:
        make(returning(text)).score(candidate)
    assert words in str(caught.value)


def test_the_traceback_of_what_it_raises_is_kept(make: Any, candidate: Candidate) -> None:
    with pytest.raises(TrialError) as caught:
        make("def judge(model, tokenizer):\n    raise ValueError\n").score(candidate)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.__cause__.__traceback__ is not None


def test_nothing_runs_without_consent(make: Any, tmp_path: Path) -> None:
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n" + returning("1")
    with pytest.raises(TaskError, match=r"is Python code to run; .*--allow-code"):
        make(code, allow=False)
    assert not (tmp_path / "ran").exists()
    make(code)
    assert (tmp_path / "ran").exists()


def test_a_file_beside_the_space_comes_before_an_installed_module(make: Any) -> None:
    assert make(returning("1")).called == "mine:judge"
    with pytest.raises(TaskError, match="no function 'juge'; did you mean 'judge'"):
        make(None, "mine:juge")
    with pytest.raises(TaskError, match=r"cannot be imported \(ModuleNotFoundError.*put it at"):
        make(None, "nowhere.at_all:judge")
    with pytest.raises(TaskError, match=r"cannot be imported \(SyntaxError"):
        make("def judge(:\n")
    assert make(None, "math:hypot")


def test_dataclasses_with_late_annotations_work_in_it(make: Any, candidate: Candidate) -> None:
    code = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass A:\n    x: float\n" + returning("A(2.0).x")
    )
    assert make(code).score(candidate).value == 2.0


def test_other_code_has_another_digest(make: Any) -> None:
    first = make(returning("1")).digest
    assert make(returning("1")).digest == first
    assert make(returning("2")).digest != first
