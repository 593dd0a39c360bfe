"""Metrics that lm-eval lacks: scikit-learn's numbers, by name or through a task's own Python."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval.evaluator
import numpy as np
import pytest
import sklearn.metrics
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from scored_whole import score_all
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError
from optimerge.objectives import added_metrics
from optimerge.objectives.added_metrics import ADDED, choice_items
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.tasks import check_tasks, load_tasks
from optimerge.records.types import Score
from optimerge.space.objectives import TaskObjective

Scores = Callable[..., dict[str, Score]]


def items_of(golds: list[int], logs: list[list[float]]) -> dict[str, list[Any]]:
    each = [choice_items(gold, row) for gold, row in zip(golds, logs, strict=True)]
    return {name: [item[name] for item in each] for name in ADDED}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda k: st.lists(
            st.tuples(st.integers(0, k - 1), st.lists(st.integers(-6, 0), min_size=k, max_size=k)),
            min_size=2,
            max_size=25,
        )
    )
)
def test_equal_to_scikit_learn(rows: list[tuple[int, list[int]]]) -> None:
    golds, logs = [gold for gold, _ in rows], [[float(v) for v in row] for _, row in rows]
    items = items_of(golds, logs)
    said = [int(np.argmax(row)) for row in logs]
    probabilities = np.array([item[1] for item in items["auc_roc"]])
    options: dict[str, Any] = {"average": "macro", "zero_division": 0}
    for name, theirs in (
        ("macro_f1", sklearn.metrics.f1_score(golds, said, **options)),
        ("precision", sklearn.metrics.precision_score(golds, said, **options)),
        ("recall", sklearn.metrics.recall_score(golds, said, **options)),
        (
            "log_loss",
            sklearn.metrics.log_loss(golds, probabilities, labels=range(len(logs[0]))),
        ),
    ):
        assert ADDED[name][0](items[name]) == pytest.approx(theirs, abs=1e-12), name
    if len(set(golds)) == len(logs[0]):
        binary = len(logs[0]) == 2
        theirs = sklearn.metrics.roc_auc_score(
            golds, probabilities[:, 1] if binary else probabilities, multi_class="ovr"
        )
        assert added_metrics.auc_roc(items["auc_roc"]) == pytest.approx(theirs, abs=1e-12)


def test_a_class_that_is_no_answer_is_left_out_of_the_area() -> None:
    logs = [[0.0, -1.0, -2.0], [-2.0, 0.0, -1.0], [-1.0, 0.0, -3.0], [0.0, -2.0, -1.0]]
    golds = [0, 1, 1, 0]
    items = items_of(golds, logs)["auc_roc"]
    probabilities = np.array([p for _, p in items])
    both = [sklearn.metrics.roc_auc_score(np.equal(golds, k), probabilities[:, k]) for k in (0, 1)]
    assert added_metrics.auc_roc(items) == pytest.approx(sum(both) / 2)


def test_what_is_not_defined_is_said() -> None:
    one_class = items_of([1, 1], [[0.0, -1.0], [-1.0, 0.0]])
    with pytest.raises(ValueError, match="option 1 is the answer of all"):
        added_metrics.auc_roc(one_class["auc_roc"])
    uneven = items_of([1, 0], [[0.0, -1.0], [-1.0, 0.0, -2.0]])
    with pytest.raises(ValueError, match="2 to 3"):
        added_metrics.auc_roc(uneven["auc_roc"])
    no_gold = items_of([2, 0], [[0.0, -1.0], [-1.0, 0.0]])
    for name, (form, _) in ADDED.items():
        with pytest.raises(ValueError, match="none of its options"):
            form(no_gold[name])


def test_very_unlikely_options_have_a_finite_loss() -> None:
    assert choice_items(1, [-10.0, -5000.0])["log_loss"] == pytest.approx(4990.0)


TASK = {
    "task": "two",
    "dataset_path": "json",
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "Q: {{q}} A:",
    "doc_to_choice": "{{options}}",
    "doc_to_target": "gold",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
UTILS = """
from optimerge.objectives.added_metrics import auc_roc, choice_items, log_loss, macro_f1

def judge(doc, results):
    items = choice_items(doc["gold"], [ll for ll, _ in results])
    return {name: items[name] for name in ("auc_roc", "macro_f1", "log_loss")}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task of two options and one that names the same metrics as its own Python."""
    docs = [
        {"q": "a b c"[: 1 + 2 * (n % 3)], "options": ["d", f"{n % 10}"], "gold": n * 7 % 3 % 2}
        for n in range(30)
    ]
    data = tmp_path / "two.jsonl"
    data.write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    config = {**TASK, "dataset_kwargs": {"data_files": {"test": str(data)}}}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(config))
    own = {**config, "task": "own_two"}
    del own["metric_list"]
    (tmp_path / "own_two.yaml").write_text(
        yaml.safe_dump(own)
        + "process_results: !function utils.judge\nmetric_list:\n"
        + "".join(
            f"  - {{metric: {m}, aggregation: !function utils.{m}, higher_is_better: {h}}}\n"
            for m, h in (("auc_roc", "true"), ("macro_f1", "true"), ("log_loss", "false"))
        )
    )
    (tmp_path / "utils.py").write_text(UTILS)
    return tmp_path


@pytest.fixture
def scores(
    candidate: Candidate, tokenizer: PreTrainedTokenizerFast, folder: Path, tasks: Path
) -> Scores:
    def scores(*specs: TaskObjective, local: bool = False) -> dict[str, Score]:
        made = load_tasks(
            specs,
            model=candidate.model,
            tokenizer=tokenizer,
            include_path=tasks if local else folder,
            seed=0,
            batch_size=8,
            allow_code=True,
        )
        return score_all(made, candidate)

    return scores


def test_by_name_and_by_the_tasks_own_python_are_the_same_and_lm_evals(
    scores: Scores,
    folder: Path,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
    names = ("auc_roc", "macro_f1", "log_loss")
    found = scores(
        *(TaskObjective(task="two", metric=m, name=m) for m in names),
        *(TaskObjective(task="own_two", metric=m, name=f"own {m}") for m in names),
    )
    result = lm_eval.evaluator.simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=tokenizer, batch_size=8),
        tasks=["own_two"],
        task_manager=TaskManager(include_defaults=False, include_path=str(folder)),
        bootstrap_iters=0,
    )
    assert result is not None
    for name in names:
        by_name, own = found[name], found[f"own {name}"]
        assert (by_name.value, by_name.stderr) == (own.value, own.stderr)
        assert by_name.value == pytest.approx(result["results"]["own_two"][f"{name},none"])
        assert by_name.direction == own.direction
        assert by_name.stderr
    assert found["log_loss"].direction == "minimize"
    assert found["auc_roc"].direction == "maximize"
    assert 0.1 < found["auc_roc"].value < 0.9


def test_of_four_options_all_can_be_asked_for(scores: Scores) -> None:
    specs = [TaskObjective(task="pick", metric=m, name=m) for m in ADDED]
    found = scores(*specs, local=True)
    assert list(found) == list(ADDED)
    assert all(math.isfinite(score.value) and score.stderr for score in found.values())


def test_the_loss_of_a_loglikelihood_task_is_that_of_its_target(scores: Scores) -> None:
    found = scores(
        TaskObjective(task="next", metric="log_loss", name="loss"),
        TaskObjective(task="next", metric="perplexity", name="perplexity"),
        local=True,
    )
    assert found["loss"].value == pytest.approx(math.log(found["perplexity"].value))
    assert found["loss"].direction == "minimize"


@pytest.mark.parametrize(
    ("like", "keys", "metric", "words"),
    [
        ("say", {}, "auc_roc", "its output_type is generate_until; only multiple_choice"),
        ("next", {}, "macro_f1", "its output_type is loglikelihood"),
        ("pick", {"doc_to_target": "{{[gold]}}"}, "recall", "several right answers"),
        (
            "pick",
            {"metric_list": [{"metric": "acc_mutual_info"}]},
            "log_loss",
            "acc_mutual_info asks each option twice",
        ),
    ],
)
def test_tasks_that_cannot_give_them_are_said_so(
    tasks: Path, tmp_path: Path, like: str, keys: dict[str, Any], metric: str, words: str
) -> None:
    config = yaml.safe_load((tasks / f"{like}.yaml").read_text())
    (tmp_path / "task.yaml").write_text(yaml.safe_dump({**config, "task": "mine", **keys}))
    with pytest.raises(TaskError, match=f"cannot give '{metric}': .*{words}"):
        check_tasks([TaskObjective(task="mine", metric=metric)], tmp_path)


def test_an_area_over_one_class_is_refused_before_the_search(folder: Path) -> None:
    data = folder / "two.jsonl"
    docs = [json.loads(line) for line in data.read_text().splitlines()]
    data.write_text("".join(json.dumps({**doc, "gold": 1}) + "\n" for doc in docs))
    with pytest.raises(TaskError, match="auc_roc on task 'two' is not defined: option 2"):
        check_tasks([TaskObjective(task="two", metric="auc_roc")], folder)
    check_tasks([TaskObjective(task="two", metric="macro_f1")], folder)
    docs[3]["gold"] = 5
    data.write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    with pytest.raises(TaskError, match="answer of a document is none of its options"):
        check_tasks([TaskObjective(task="two", metric="macro_f1")], folder)
