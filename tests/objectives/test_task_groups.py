"""A group's score is lm-eval's own on the same documents."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval.evaluator
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lm_eval import evaluator_utils
from lm_eval.api.metrics import mean, mean_stderr
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from scored_whole import score_all
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError
from optimerge.objectives import built_in
from optimerge.objectives.groups import GroupScorer
from optimerge.objectives.items import shares
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.runs import TaskRun
from optimerge.objectives.tasks import check_tasks, load_tasks
from optimerge.space.objectives import TaskObjective

BATCH = 8
SIZES = {"one": 40, "two": 25, "three": 7}


def group_file(name: str, members: list[Any], *, weigh: bool) -> dict[str, Any]:
    listed = [
        {"metric": "acc", "aggregation": "mean", "weight_by_size": weigh},
        {"metric": "mcc", "aggregation": "mean", "weight_by_size": weigh},
    ]
    return {"group": name, "task": members, "aggregate_metric_list": listed}


@pytest.fixture(autouse=True)
def _no_built_in_tasks(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lm-eval has 14,000 files."""
    empty = tmp_path_factory.mktemp("built_in")
    monkeypatch.setattr(built_in, "folder", lambda: empty)


@pytest.fixture
def folder(tasks: Path, tmp_path: Path) -> Path:
    """Three tasks of different sizes, two groups of them, one with a group inside."""
    docs = (tasks / "test.jsonl").read_text().splitlines(keepends=True)
    config = yaml.safe_load((tasks / "pick.yaml").read_text())
    for name, size in SIZES.items():
        data = tmp_path / f"{name}.jsonl"
        data.write_text("".join(docs[:size]))
        files = {**config["dataset_kwargs"]["data_files"], "test": str(data)}
        kwargs = {"data_files": files}
        own = {"task": name, "dataset_kwargs": kwargs, "tag": "numbers"}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**config, **own}))
    inner = {"group": "inner", "task": ["two", {"task": "three", "num_fewshot": 1}]}
    for file in (
        group_file("weighed", ["one", inner], weigh=True),
        group_file("plain", list(SIZES), weigh=False),
        group_file("tagged", ["numbers"], weigh=False),
    ):
        (tmp_path / f"{file['group']}.yaml").write_text(yaml.safe_dump(file))
    return tmp_path


@pytest.fixture
def load(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path
) -> Callable[..., list[Any]]:
    def load(*specs: TaskObjective, **options: Any) -> list[Any]:
        return load_tasks(
            specs,
            model=model,
            tokenizer=tokenizer,
            include_path=folder,
            seed=1,
            batch_size=BATCH,
            **options,
        )

    return load


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("weighed", "mcc"),
        ("plain", "acc"),
        ("tagged", "acc"),
        pytest.param("weighed", "acc", marks=pytest.mark.slow),
        pytest.param("plain", "mcc", marks=pytest.mark.slow),
        pytest.param("tagged", "mcc", marks=pytest.mark.slow),
    ],
)
def test_equal_to_simple_evaluate(
    name: str,
    metric: str,
    candidate: Candidate,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    load: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
    # Standard errors of means alone: its bootstrap of mcc takes minutes.
    monkeypatch.setattr(
        evaluator_utils,
        "stderr_for_metric",
        lambda metric, bootstrap_iters: mean_stderr if metric is mean else None,
    )
    # All documents of "weighed": lm-eval draws other examples where some are left out.
    items = None if name == "weighed" else 30
    (scorer,) = load(TaskObjective(task=name, metric=metric, search_items=items, name="mine"))
    assert isinstance(scorer, GroupScorer)
    score = score_all([scorer], candidate)["mine"]
    lm = HFLM(pretrained=candidate.model, tokenizer=copy.deepcopy(tokenizer), batch_size=BATCH)
    result = lm_eval.evaluator.simple_evaluate(
        model=lm,
        tasks=[name],
        samples={m.run.name: list(m.items.search) for m in scorer.members} if items else None,
        task_manager=TaskManager(include_defaults=False, include_path=str(folder)),
        bootstrap_iters=1,
    )
    assert result is not None
    theirs = result["groups"][name]
    assert score.value == theirs[f"{metric},none"]
    assert score.stderr
    if metric == "acc":
        assert score.stderr == pytest.approx(theirs["acc_stderr,none"], rel=1e-12)
    assert score.items == (items or sum(SIZES.values()))
    assert scorer.score(candidate).value == score.value


def test_the_two_ways_to_weigh_differ(candidate: Candidate, load: Callable[..., list[Any]]) -> None:
    scores = score_all(load(*(TaskObjective(task=n) for n in ("plain", "weighed"))), candidate)
    assert scores["plain"].value != scores["weighed"].value


def test_settings_of_a_group_for_its_member_are_kept(load: Callable[..., list[Any]]) -> None:
    (scorer,) = load(TaskObjective(task="weighed"))
    prompts = {m.run.name: m.run.instances[0].args[0].count("Q:") for m in scorer.members}
    assert prompts == {"one": 1, "two": 1, "three": 2}


def test_items_are_spread_over_the_tasks_and_apart_from_those_of_a_task_alone(
    folder: Path, load: Callable[..., list[Any]]
) -> None:
    group = TaskObjective(task="plain", search_items=18, test_items=12)
    alone = TaskObjective(task="one", search_items=10, test_items=15)
    scorer, task = load(group, alone)
    sizes = {m.run.name: (len(m.items.search), len(m.items.test)) for m in scorer.members}
    assert sizes == {"one": (10, 7), "two": (6, 4), "three": (2, 1)}
    one = next(m.items for m in scorer.members if m.run.name == "one")
    assert not {*one.test, *task.items.test} & {*one.search, *task.items.search}
    facts = check_tasks([group], folder)["plain"]
    assert facts.tasks == tuple(SIZES)
    assert (facts.documents, len(facts.items.search), len(facts.items.test)) == (72, 18, 12)
    with pytest.raises(TaskError, match="search_items 2 is for all 3 tasks of group 'plain'"):
        load(TaskObjective(task="plain", search_items=2))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.integers(0, 3000))
def test_shares_are_in_proportion(sizes: list[int], extra: int) -> None:
    total = len(sizes) + extra
    found = shares(total, sizes)
    assert sum(found) == total
    assert min(found) >= 1
    small = sum(size * total / sum(sizes) < 1 for size in sizes)
    for size, share in zip(sizes, found, strict=True):
        assert abs(share - size * total / sum(sizes)) <= 1 + small


def test_metrics_of_a_group_share_the_runs_of_its_tasks(
    candidate: Candidate, load: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    read = TaskRun.read
    monkeypatch.setattr(
        TaskRun, "read", lambda run, documents: (calls.append(run.name), read(run, documents))[1]
    )
    scorers = load(
        TaskObjective(task="plain", metric="acc"),
        TaskObjective(task="plain", metric="mcc", name="mcc"),
        TaskObjective(task="plain", metric="log_loss", name="loss"),
    )
    scores = score_all(scorers, candidate)
    assert sorted(calls) == sorted(SIZES)
    assert scores["loss"].direction == "minimize"
    assert len({scorer.digest for scorer in scorers}) == 1


def test_a_local_group_may_name_built_in_tasks(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path_factory.mktemp("built_in")
    (folder / "three.yaml").rename(theirs / "three.yaml")
    monkeypatch.setattr(built_in, "folder", lambda: theirs)
    assert check_tasks([TaskObjective(task="plain")], folder)["plain"].tasks == tuple(SIZES)


def test_code_of_a_groups_member_does_not_run_without_consent(folder: Path) -> None:
    with (folder / "three.yaml").open("a") as file:
        file.write("process_docs: !function helper.docs\n")
    (folder / "helper.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(TaskError, match=r"task 'three': .*--allow-code"):
        check_tasks([TaskObjective(task="plain")], folder)


def test_a_metric_that_the_group_lacks(load: Callable[..., list[Any]]) -> None:
    with pytest.raises(TaskError, match="group 'plain' has no metric 'acc_norm'; it has acc,none"):
        load(TaskObjective(task="plain", metric="acc_norm"))


def test_tasks_without_the_metric_are_left_out(
    candidate: Candidate, folder: Path, load: Callable[..., list[Any]]
) -> None:
    file = folder / "three.yaml"
    config = yaml.safe_load(file.read_text())
    config["metric_list"] = [{"metric": "acc_norm", "higher_is_better": True}]
    file.write_text(yaml.safe_dump(config))
    (scorer,) = load(TaskObjective(task="plain", metric="acc"))
    assert [member.run.name for member in scorer.members] == ["one", "two"]
    assert scorer.score(candidate).items == 65


def test_a_document_less_leaf_is_named(folder: Path) -> None:
    data = folder / "three.jsonl"
    data.write_text(
        json.dumps({"q": "a", "a": "b", "options": ["c"], "text": "d", "gold": 0}) + "\n"
    )
    with pytest.raises(TaskError, match="three"):
        check_tasks([TaskObjective(task="plain", test_items=30)], folder, strict=True)
