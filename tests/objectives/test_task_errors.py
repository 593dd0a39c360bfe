"""Every mistake with a task is one sentence that names the key, the value and the remedy."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from scored_whole import score_all
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError, TrialError
from optimerge.objectives import built_in
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.tasks import check_tasks, load_tasks
from optimerge.space.objectives import TaskObjective

Load = Callable[..., list[TaskScorer]]


@pytest.fixture(autouse=True)
def _few_built_in_tasks(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """lm-eval has 14,000 files."""
    folder = tmp_path_factory.mktemp("built_in")
    (folder / "gsm8k.yaml").write_text("task: gsm8k\n")
    monkeypatch.setattr(built_in, "folder", lambda: folder)


@pytest.fixture
def load(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path) -> Load:
    def load(task: str, include_path: Path | None = tasks, **fields: Any) -> list[TaskScorer]:
        return load_tasks(
            [TaskObjective(task=task, **fields)],
            model=model,
            tokenizer=tokenizer,
            include_path=include_path,
            seed=0,
            allow_code=True,
        )

    return load


@pytest.fixture
def vary(tasks: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a task like one of ours but for some keys; return its folder."""

    def vary(like: str, **keys: Any) -> Path:
        config = yaml.safe_load((tasks / f"{like}.yaml").read_text())
        (tmp_path / "task.yaml").write_text(yaml.safe_dump({**config, "task": "mine", **keys}))
        return tmp_path

    return vary


def says(call: Callable[[], Any], *parts: str) -> None:
    with pytest.raises(TaskError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text


@pytest.mark.parametrize(("asked", "meant"), [("picks", "pick"), ("gsm8", "gsm8k")])
def test_unknown_task(load: Load, tasks: Path, asked: str, meant: str) -> None:
    says(lambda: load(asked), f"'{asked}'", str(tasks), f"did you mean '{meant}'?")
    says(lambda: check_tasks([TaskObjective(task=asked)], tasks), f"did you mean '{meant}'?")


def test_unknown_task_like_none(load: Load) -> None:
    says(lambda: load("xyzzy"), "'xyzzy'", "; `lm-eval ls tasks` lists them")
    own = "lists them, `include_path: FOLDER` adds your own"
    says(lambda: load("xyzzy", include_path=None), "no task of lm-eval is called 'xyzzy'", own)


def test_include_path_without_tasks(load: Load, tmp_path: Path) -> None:
    says(lambda: load("a", include_path=tmp_path), f"{tmp_path} holds no .yaml file")
    absent = tmp_path / "absent"
    says(lambda: load("a", include_path=absent), "include_path", f"{absent} is not a folder")


def test_yaml_that_cannot_be_read(load: Load, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("task: [mine\n")
    says(lambda: load("mine", include_path=tmp_path), "bad.yaml cannot be read, mend it")


def test_a_tag_and_a_group_without_a_score_are_refused(
    load: Load, vary: Callable[..., Path]
) -> None:
    folder = vary("pick", tag="mytag")
    (folder / "group.yaml").write_text("group: all\ntask: [mine]\n")
    says(lambda: load("all", include_path=folder), "no aggregate_metric_list", "each: mine")
    says(lambda: load("mytag", include_path=folder), "'mytag' is a tag", "one objective each: mine")


def test_unknown_metric_or_filter(load: Load) -> None:
    says(
        lambda: load("pick", metric="ac"), "'ac'", "did you mean 'acc'?", "acc,none, acc_norm,none"
    )
    says(
        lambda: load("say", metric="exact_match,frist"),
        "did you mean 'exact_match,first'?",
        "it has exact_match,first, exact_match,last",
    )
    says(lambda: load("pick", metric="mcx"), "no metric 'mcx'", "it has acc,none")


def test_task_without_metrics(load: Load, vary: Callable[..., Path]) -> None:
    folder = vary("pick", metric_list=[])
    says(lambda: load("mine", include_path=folder), "'mine' has no metric; give its YAML")


def test_metric_without_a_direction(load: Load, vary: Callable[..., Path]) -> None:
    metric = {"metric": "acc", "aggregation": "mean", "higher_is_better": None}
    folder = vary("pick", metric_list=[metric])
    says(lambda: load("mine", include_path=folder), "'acc' is better; set higher_is_better")


def test_strict_refuses_more_items_than_documents(tasks: Path) -> None:
    def check(**sizes: int) -> object:
        return check_tasks([TaskObjective(task="pick", **sizes)], tasks, strict=True)

    says(
        lambda: check(search_items=30, test_items=20),
        "search_items 30 + test_items 20 are 50, but task 'pick' has 40 documents; lower one",
    )
    says(lambda: check(test_items=40), "test_items 40 leaves nothing", "40 documents")


def test_no_test_items(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path
) -> None:
    specs = [TaskObjective(task="pick", name="mine")]
    options: dict[str, Any] = {"model": model, "tokenizer": tokenizer, "include_path": tasks}
    says(
        lambda: load_tasks(specs, seed=0, items="test", **options),
        "objective 'mine': test_items is 0",
        "set test_items",
    )


def test_examples_that_lm_eval_would_ignore(load: Load) -> None:
    says(lambda: load("next", num_fewshot=3), "num_fewshot 3 has no effect", "'next' is fixed at 0")


def test_dataset_that_is_not_there(load: Load, vary: Callable[..., Path]) -> None:
    folder = vary("pick", dataset_kwargs={"data_files": {"test": "/absent.jsonl"}})
    says(
        lambda: load("mine", include_path=folder),
        "dataset 'json' of task 'mine' cannot be loaded (FileNotFoundError",
        "/absent.jsonl",
        "check its data_files",
    )


def test_dataset_offline(
    load: Load, vary: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(**_: Any) -> None:
        raise ConnectionError("Couldn't reach 'org/data' on the Hub (OfflineModeIsEnabled)")

    monkeypatch.setattr("datasets.load_dataset", offline)
    folder = vary("pick", dataset_path="org/data", dataset_kwargs={})
    says(
        lambda: load("mine", include_path=folder),
        "dataset 'org/data' of task 'mine' is not on this machine",
        "OfflineModeIsEnabled",
        "with a network",
    )


def test_yaml_that_does_not_fit_the_documents(load: Load, vary: Callable[..., Path]) -> None:
    folder = vary("pick", doc_to_text="{{question}}")
    says(lambda: load("mine", include_path=folder), "cannot build task 'mine'", "task.yaml")
    folder = vary("pick", doc_to_text="{{q.split()[4] | length}} {{q.split()[6][0]}}")
    says(lambda: load("mine", include_path=folder), "task 'mine'", "mend")


def test_tasks_that_run_code_or_need_pictures(load: Load, vary: Callable[..., Path]) -> None:
    folder = vary("pick", unsafe_code=True)
    says(lambda: load("mine", include_path=folder), "runs code that the model writes")
    folder = vary("pick", doc_to_image="q")
    says(lambda: load("mine", include_path=folder), "images or sound")


def test_generation_longer_than_the_context(load: Load, vary: Callable[..., Path]) -> None:
    folder = vary("say", generation_kwargs={"until": ["Q:"]})
    says(
        lambda: load("mine", include_path=folder),
        "task 'mine' generates up to 256 tokens, but the model's context is 48",
        "max_gen_toks",
    )


def test_answers_that_do_not_fit(load: Load, vary: Callable[..., Path]) -> None:
    folder = vary("next", doc_to_target=" {{ 'a ' * 60 }}")
    says(lambda: load("mine", include_path=folder), "60 tokens, the model takes 1 to 48")
    folder = vary("next", doc_to_target=" ")
    says(lambda: load("mine", include_path=folder), "document 0 of task 'mine'", "0 tokens")


@pytest.mark.parametrize("like", ["next", "say"])
def test_prompts_longer_than_the_context_are_told_once(
    load: Load,
    vary: Callable[..., Path],
    candidate: Candidate,
    caplog: pytest.LogCaptureFixture,
    like: str,
) -> None:
    folder = vary(like, doc_to_text="Q: {{text}} A:")
    (scorer,) = load("mine", include_path=folder)
    told = [r.getMessage() for r in caplog.records if r.name.startswith("optimerge")]
    assert len(told) == 1
    assert "prompts are longer than the model's context" in told[0]
    caplog.clear()
    scorer.score(candidate)
    assert caplog.records == []


def test_tokenizer_without_an_end(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path
) -> None:
    endless = copy.deepcopy(tokenizer)
    endless.eos_token = None
    specs = [TaskObjective(task="pick")]
    says(
        lambda: load_tasks(specs, model=model, tokenizer=endless, include_path=tasks, seed=0),
        "has no eos_token",
        "set eos_token in its tokenizer_config.json",
    )


@pytest.mark.parametrize("unknown", [None, "<unk>"])
def test_tokenizer_without_padding_works_and_stays_without(
    candidate: Candidate, tokenizer: PreTrainedTokenizerFast, tasks: Path, unknown: str | None
) -> None:
    bare = copy.deepcopy(tokenizer)
    bare.pad_token, bare.unk_token = None, unknown
    scores = []
    for each in (bare, tokenizer):
        scorers = load_tasks(
            [TaskObjective(task="say")],
            model=candidate.model,
            tokenizer=each,
            include_path=tasks,
            seed=0,
        )
        scores.append(score_all(scorers, candidate)["say"].value)
    assert scores[0] == scores[1]
    assert bare.pad_token is None


def test_helper_that_raises_is_a_failed_trial(
    load: Load, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorers = load("own", metric="score")
    monkeypatch.setenv("HELPER_FAILS", "1")
    with pytest.raises(TrialError, match=r"task 'own'.*RuntimeError: no such page") as caught:
        score_all(scorers, candidate)
    assert isinstance(caught.value.__cause__, RuntimeError)
    monkeypatch.delenv("HELPER_FAILS")
    assert score_all(scorers, candidate)["own"].items == 40


@pytest.mark.parametrize("said", ["nan", "inf"])
def test_metric_that_is_no_number_is_a_failed_trial(
    load: Load, candidate: Candidate, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("HELPER_SAYS", said)
    with pytest.raises(TrialError, match=f"'score,none' of task 'own' is {said}"):
        score_all(load("own", metric="score"), candidate)


def test_metric_that_is_never_given_is_a_failed_trial(load: Load, candidate: Candidate) -> None:
    with pytest.raises(TrialError, match=r"gave no 'never,none', but score,none, spread,none"):
        score_all(load("own", metric="never"), candidate)


@pytest.mark.parametrize("name", ["pick", "next", "text", "say"])
def test_nothing_is_printed(
    load: Load, candidate: Candidate, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    load(name, num_fewshot=None)[0].score(candidate)
    assert capfd.readouterr() == ("", "")


def test_check_says_what_there_is(tasks: Path) -> None:
    specs = [
        TaskObjective(task="say", metric="exact_match,last", name="one", num_fewshot=2),
        TaskObjective(task="next", search_items=10, test_items=5),
    ]
    found = check_tasks(specs, tasks)
    assert list(found) == ["one", "next"]
    one, following = found["one"], found["next"]
    assert (one.task, one.metric, one.direction) == ("say", "exact_match,last", "maximize")
    assert (one.num_fewshot, one.documents, one.output_type) == (2, 40, "generate_until")
    assert (following.metric, following.direction) == ("perplexity,none", "minimize")
    assert following.metrics == ("perplexity,none", "acc,none", "log_loss")
    assert (len(following.items.search), len(following.items.test)) == (10, 5)


@pytest.mark.slow
def test_the_built_in_tasks_are_found(monkeypatch: pytest.MonkeyPatch, tasks: Path) -> None:
    monkeypatch.undo()
    says(
        lambda: check_tasks([TaskObjective(task="hellaswagg")], tasks), "did you mean 'hellaswag'?"
    )
