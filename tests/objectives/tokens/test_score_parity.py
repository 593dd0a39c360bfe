"""Scores of each kind of task on each family of models are lm-eval's own."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval.evaluator
import pytest
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import PreTrainedTokenizerFast

from optimerge.objectives.evaluation import make_evaluation
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.tasks import load_tasks
from optimerge.records.types import MergeStats
from optimerge.space.objectives import TaskObjective

FAMILIES = ("llama", "mistral", "gemma3_text", "gpt2", "deepseek_v3", "qwen3_next")
"""Plain, windows, both kinds of layers, learned positions, latent attention, linear attention."""
QUICK = ("gemma3_text", "qwen3_next")
COUNTED = {"pick": ("acc", "acc_norm"), "next": ("acc",), "say": ("exact_match,first",)}
MEASURED = {"next": ("perplexity",), "text": ("word_perplexity", "bits_per_byte")}
NOTHING = MergeStats(0.0, 0, 0, 0.0, 0.0)


def objectives() -> list[TaskObjective]:
    named = {task: (*COUNTED.get(task, ()), *MEASURED.get(task, ())) for task in COUNTED | MEASURED}
    return [
        TaskObjective(
            task=task,
            metric=metric,
            name=f"{task} {metric}",
            search_items=14,
            num_fewshot=2 if task == "pick" else None,
        )
        for task, metrics in named.items()
        for metric in metrics
    ]


@pytest.mark.parametrize(
    "family",
    # all answer as lm-eval's model in test_token_parity
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES],
)
def test_scores_are_lm_evals(
    family: str,
    of_architecture: Callable[..., Any],
    tokenizer: PreTrainedTokenizerFast,
    tasks: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
    model = of_architecture(family)
    scorers = load_tasks(objectives(), model=model, tokenizer=tokenizer, include_path=tasks, seed=3)
    found = make_evaluation(scorers, model).score(Candidate(model, NOTHING)).scores
    theirs = _reference(model, tokenizer, tasks, {s.run.name: s.items.search for s in scorers})
    for scorer in scorers:
        task, wanted = scorer.run.name, theirs[scorer.run.name][str(scorer.metric)]
        value = found[scorer.name].value
        if scorer.metric.name in [name.partition(",")[0] for name in COUNTED.get(task, ())]:
            assert value == wanted, scorer.name
        else:
            assert value == pytest.approx(wanted, rel=1e-4, abs=0), scorer.name


def _reference(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    tasks: Path,
    items: dict[str, tuple[int, ...]],
) -> dict[str, dict[str, float]]:
    """Return lm-eval's scores, of task by task and `metric,filter`."""
    lm = HFLM(pretrained=model, tokenizer=copy.deepcopy(tokenizer), batch_size=8)
    manager = TaskManager(include_defaults=False, include_path=str(tasks))
    found: dict[str, dict[str, float]] = {}
    for task, ids in items.items():
        shots = 2 if task == "pick" else None
        # A task whose prompts depend on the examples' draw is run whole: see lm-eval's `samples`.
        chosen = None if shots else {task: list(ids)}
        result = lm_eval.evaluator.simple_evaluate(
            model=lm, tasks=[task], num_fewshot=shots, samples=chosen, task_manager=manager,
            bootstrap_iters=0,
        )  # fmt: skip
        assert result is not None
        if chosen is not None:
            found[task] = result["results"][task]
            continue
        rows = [s for s in result["samples"][task] if s["doc_id"] in set(ids)]
        names = [name for name in rows[0] if name in ("acc", "acc_norm")]
        found[task] = {f"{n},none": sum(s[n] for s in rows) / len(rows) for n in names}
    return found
