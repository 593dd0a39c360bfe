"""Scores are lm-eval's own on the same documents: what is counted exactly, the rest to 1e-4."""

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lm_eval.evaluator
import pytest
import torch
import yaml
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean_stderr
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from scored_whole import score_all
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TrialError
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.round import Round
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.tasks import load_tasks
from optimerge.space.objectives import TaskObjective

BATCH = 8
METRICS = {
    "pick": ["acc", "acc_norm", "mcc"],
    "next": ["acc", "perplexity"],
    "text": ["word_perplexity", "byte_perplexity", "bits_per_byte"],
    "say": ["exact_match,first", "exact_match,last"],
    "own": ["score", "spread"],
}

COUNTED = {"acc", "acc_norm", "mcc", "exact_match,first", "exact_match,last", "score"}
"""Metrics that depend on log-likelihoods only by which is the largest."""


@pytest.fixture(autouse=True)
def _no_environment_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts half a second of processes, and is no part of a score."""
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)


@pytest.fixture
def load(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path
) -> Callable[..., list[TaskScorer]]:
    def load(name: str, metrics: Sequence[str], **fields: Any) -> list[TaskScorer]:
        specs = [TaskObjective(task=name, metric=m, name=m, **fields) for m in metrics]
        return load_tasks(
            specs,
            model=model,
            tokenizer=tokenizer,
            include_path=tasks,
            seed=7,
            batch_size=BATCH,
            allow_code=True,
        )

    return load


@pytest.fixture
def reference(tokenizer: PreTrainedTokenizerFast, tasks: Path) -> Callable[..., dict[str, Any]]:
    def reference(model: LlamaForCausalLM, name: str, **options: Any) -> dict[str, Any]:
        lm = HFLM(pretrained=model, tokenizer=copy.deepcopy(tokenizer), batch_size=BATCH)
        found = lm_eval.evaluator.simple_evaluate(
            model=lm,
            tasks=[name],
            task_manager=TaskManager(include_defaults=False, include_path=str(tasks)),
            **{"bootstrap_iters": 0, **options},
        )
        assert found is not None
        return dict(found)

    return reference


def values(result: dict[str, Any], name: str, metrics: Sequence[str]) -> dict[str, float]:
    of_task = result["results"][name]
    return {m: of_task[m if "," in m else f"{m},none"] for m in metrics}


def ours(scorers: list[TaskScorer], candidate: Candidate) -> dict[str, float]:
    return {name: score.value for name, score in score_all(scorers, candidate).items()}


def answered(scorer: TaskScorer, candidate: Candidate) -> dict[int, Any]:
    """Return the metric of every document, by id."""
    Round([(scorer.run, scorer.run.documents)], scorer.answering).answer(candidate.model)
    found = scorer.run.read(scorer.run.documents)[str(scorer.metric)]
    return {doc_id: found[doc_id] for doc_id in sorted(found)}


def assert_equal(found: dict[str, float], wanted: dict[str, float]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        if name in COUNTED:
            assert value == wanted[name], name
        else:
            assert value == pytest.approx(wanted[name], rel=1e-4, abs=0), name


@pytest.mark.parametrize("name", METRICS)
def test_equal_to_simple_evaluate_before_and_after_a_change_of_weights(
    name: str,
    candidate: Candidate,
    load: Callable[..., list[TaskScorer]],
    reference: Callable[..., dict[str, Any]],
    make_model: Callable[[int], LlamaForCausalLM],
) -> None:
    metrics, model = METRICS[name], candidate.model
    scorers = load(name, metrics, search_items=27)
    ids = list(scorers[0].items.search)
    first = ours(scorers, candidate)
    assert_equal(first, values(reference(model, name, samples={name: ids}), name, metrics))

    model.load_state_dict(make_model(1).state_dict())
    second = ours(scorers, candidate)
    assert_equal(second, values(reference(model, name, samples={name: ids}), name, metrics))
    assert second != first


def test_every_metric_of_the_parity_tests_is_neither_none_nor_all(
    candidate: Candidate, load: Callable[..., list[TaskScorer]]
) -> None:
    for name in ("pick", "next", "say", "own"):
        value = ours(load(name, METRICS[name][:1]), candidate)[METRICS[name][0]]
        assert 0.1 < value < 0.9, name


def test_sampled_generation_is_lm_evals_and_the_same_each_time(
    candidate: Candidate,
    load: Callable[..., list[TaskScorer]],
    reference: Callable[..., dict[str, Any]],
) -> None:
    scorers = load("dream", ["exact_match,first"])
    first = ours(scorers, candidate)
    result = reference(candidate.model, "dream")
    assert first == values(result, "dream", ["exact_match,first"])
    assert ours(scorers, candidate) == first


@pytest.mark.parametrize("name", ["pick", "say"])
def test_random_examples_are_those_of_the_full_run(
    name: str,
    candidate: Candidate,
    load: Callable[..., list[TaskScorer]],
    reference: Callable[..., dict[str, Any]],
) -> None:
    (scorer,) = load(name, METRICS[name][:1], search_items=25, num_fewshot=2)
    wanted = set(scorer.items.search)
    full = reference(candidate.model, name, num_fewshot=2)
    samples = [s for s in full["samples"][name] if s["filter"] == scorer.metric.filter]
    chosen = [s for s in samples if s["doc_id"] in wanted]
    prompts = [tuple(args) for s in chosen for args in s["arguments"]]
    ids = sorted(scorer.run.documents)
    assert prompts == [each.instance.args for each in scorer.run.requests(ids)]
    assert prompts[0][0].count("Q:") == 3
    found = answered(scorer, candidate)
    assert found == {s["doc_id"]: s[scorer.metric.name] for s in chosen}


def test_the_whole_task_with_examples_equals_simple_evaluate(
    candidate: Candidate,
    load: Callable[..., list[TaskScorer]],
    reference: Callable[..., dict[str, Any]],
) -> None:
    scorers = load("pick", METRICS["pick"], num_fewshot=2)
    result = reference(candidate.model, "pick", num_fewshot=2)
    assert ours(scorers, candidate) == values(result, "pick", METRICS["pick"])


def test_standard_errors_are_lm_evals_for_means_and_unknown_for_a_tasks_own_python(
    candidate: Candidate,
    load: Callable[..., list[TaskScorer]],
    reference: Callable[..., dict[str, Any]],
) -> None:
    score = score_all(load("say", ["exact_match,first"]), candidate)["exact_match,first"]
    result = reference(candidate.model, "say", bootstrap_iters=10)
    assert score.stderr == result["results"]["say"]["exact_match_stderr,first"]
    assert score.items == 40
    assert score_all(load("own", ["spread"]), candidate)["spread"].stderr is None
    (one,) = load("say", ["exact_match,first"], search_items=1)
    assert one.score(candidate).stderr is None


def test_forgotten_reset_of_answers_would_be_seen(
    candidate: Candidate,
    load: Callable[..., list[TaskScorer]],
    make_model: Callable[[int], LlamaForCausalLM],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fault that the parity test must catch: answers of the first candidate for ever."""
    scorers = load("pick", ["acc"])
    first = ours(scorers, candidate)
    candidate.model.load_state_dict(make_model(1).state_dict())
    monkeypatch.setattr(Instance, "__setattr__", _never_resps)
    assert ours(scorers, candidate) == first
    monkeypatch.undo()
    assert ours(scorers, candidate) != first


def _never_resps(self: Instance, name: str, value: Any) -> None:
    if name != "resps":
        object.__setattr__(self, name, value)


def test_one_run_serves_all_metrics_of_a_task(
    candidate: Candidate,
    load: Callable[..., list[TaskScorer]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    read = TaskRun.read
    monkeypatch.setattr(
        TaskRun, "read", lambda run, documents: (calls.append(run.name), read(run, documents))[1]
    )
    scores = score_all(load("pick", METRICS["pick"]), candidate)
    assert calls == ["pick"]
    assert list(scores) == METRICS["pick"]
    assert len({score.seconds for score in scores.values()}) == 1


def test_an_empty_text_counts_nothing(
    candidate: Candidate,
    tasks: Path,
    tmp_path: Path,
    tokenizer: PreTrainedTokenizerFast,
    load: Callable[..., list[TaskScorer]],
) -> None:
    """Corpora have empty lines; lm-eval has no window for one, and its log-likelihood is 0."""
    config = yaml.safe_load((tasks / "text.yaml").read_text())
    texts = [{"q": "", "text": text} for text in ("a b c", "", "d e f a", "")]
    file = tmp_path / "test.jsonl"
    file.write_text("".join(json.dumps(text) + "\n" for text in texts))
    config |= {"task": "lines", "dataset_kwargs": {"data_files": {"test": str(file)}}}
    for key in ("training_split", "fewshot_split"):
        del config[key]
    (tmp_path / "lines.yaml").write_text(yaml.safe_dump(config))
    spec = TaskObjective(task="lines", metric="bits_per_byte")
    (scorer,) = load_tasks(
        [spec], model=candidate.model, tokenizer=tokenizer, include_path=tmp_path, seed=0
    )
    lm = HFLM(pretrained=candidate.model, tokenizer=copy.deepcopy(tokenizer), batch_size=BATCH)
    manager = TaskManager(include_defaults=False, include_path=str(tmp_path))
    found = lm_eval.evaluator.simple_evaluate(
        model=lm, tasks=["lines"], task_manager=manager, bootstrap_iters=0
    )
    assert found is not None
    wanted = found["results"]["lines"]["bits_per_byte,none"]
    assert scorer.score(candidate).value == pytest.approx(wanted, rel=1e-5)


def test_a_metric_that_leaves_documents_out_has_the_error_of_those_it_has(
    candidate: Candidate, load: Callable[..., list[TaskScorer]]
) -> None:
    (scorer,) = load("own", ["score"])
    run = scorer.run
    some = {number: float(number % 2) for number in run.documents[:30]}
    whole = TaskAnswers({str(scorer.metric): some}, documents=run.documents)
    found = scorer.read(whole, 0.0)
    assert found.stderr == pytest.approx(mean_stderr(list(some.values())))
    stopped = TaskAnswers({str(scorer.metric): some}, documents=run.documents[:30])
    part = scorer.read(stopped, 0.0).stderr
    assert part is not None
    assert found.stderr is not None
    assert part < 0.6 * found.stderr  # 30 of 40 are known


def test_bfloat16_is_scored_with_a_float32_softmax(
    candidate: Candidate, load: Callable[..., list[TaskScorer]]
) -> None:
    (scorer,) = load("own", ["spread"])
    candidate.model.to(torch.bfloat16)
    found = answered(scorer, candidate).values()
    rounded = [float(torch.tensor(value).bfloat16()) for value in found]
    assert sum(a != b for a, b in zip(found, rounded, strict=True)) > len(found) / 2


@pytest.mark.parametrize("name", ["pick", "text", "say"])
def test_nan_weights_are_a_failed_trial(
    name: str, candidate: Candidate, load: Callable[..., list[TaskScorer]]
) -> None:
    scorers = load(name, METRICS[name][:1])
    with torch.no_grad():
        candidate.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(TrialError, match=f"task '{name}'.*nan|task '{name}'.*NaN"):
        score_all(scorers, candidate)
