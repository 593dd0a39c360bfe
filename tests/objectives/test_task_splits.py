"""Search and test items: of one split or of two, apart from each other and from the examples."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import lm_eval.evaluator
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from scored_whole import score_all
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError
from optimerge.objectives.items import Ask, draw_sets
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.tasks import check_tasks, load_tasks
from optimerge.space.objectives import TaskObjective

LETTERS = "abcdefghijklmnop"
SIZES = {"train": 30, "validation": 24, "test": 20}
ALL = {"training_split": "train", "validation_split": "validation", "test_split": "test"}


def documents(split: str) -> list[dict[str, Any]]:
    """Questions that say which document of which split they are."""
    rng = Random(split)
    return [
        {
            "q": f"{split[:2]} {' '.join(str(number))} {LETTERS[number % 16]}",
            "options": rng.sample(LETTERS, 2),
            "gold": rng.randrange(2),
        }
        for number in range(SIZES[split])
    ]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a task named `mine` with these keys; documents by split may be given too."""

    def write(data: dict[str, list[dict[str, Any]]] | None = None, **keys: Any) -> Path:
        files = {}
        for split in SIZES:
            docs = (data or {}).get(split, documents(split))
            files[split] = str(tmp_path / f"{split}.jsonl")
            Path(files[split]).write_text("".join(json.dumps(doc) + "\n" for doc in docs))
        task = {
            "task": "mine",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": files},
            "output_type": "multiple_choice",
            "doc_to_text": "Q: {{q}} A:",
            "doc_to_choice": "{{options}}",
            "doc_to_target": "gold",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            **keys,
        }
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(task))
        return tmp_path

    return write


@pytest.fixture
def load(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> Callable[..., Any]:
    def load(folder: Path, *specs: TaskObjective, **options: Any) -> list[TaskScorer]:
        made = load_tasks(
            specs, model=model, tokenizer=tokenizer, include_path=folder, seed=5, **options
        )
        return [each for each in made if isinstance(each, TaskScorer)]

    return load


def questions(prompt: str) -> list[str]:
    """Return the questions of a prompt, the document's own last."""
    return [part.split(" A:")[0] for part in prompt.split("Q: ")[1:]]


def prompts(scorer: TaskScorer) -> dict[int, list[str]]:
    return {each.doc_id: questions(each.args[0]) for each in scorer.run.instances}


def scored_questions(*scorers: TaskScorer) -> set[str]:
    return {found[-1] for scorer in scorers for found in prompts(scorer).values()}


def example_questions(*scorers: TaskScorer) -> set[str]:
    return {q for scorer in scorers for found in prompts(scorer).values() for q in found[:-1]}


@pytest.mark.parametrize("sampler", ["default", "first_n"])
@pytest.mark.parametrize("sizes", [{}, {"test_items": 6}, {"search_items": 5, "test_items": 5}])
@pytest.mark.parametrize(
    "splits",
    [
        {"test_split": "test"},
        {"validation_split": "validation"},
        {"test_split": "test", "fewshot_split": "test"},
        {"test_split": "test", "validation_split": "test"},
    ],
    ids=["only test", "only validation", "fewshot is test", "validation is test"],
)
def test_examples_of_the_scored_split_are_of_neither_set(
    write: Callable[..., Path],
    load: Callable[..., Any],
    splits: dict[str, str],
    sizes: dict[str, int],
    sampler: str,
) -> None:
    folder = write(**splits, fewshot_config={"sampler": sampler})
    spec = TaskObjective(task="mine", num_fewshot=2, **sizes)
    made = load(folder, spec)
    if spec.test_items:
        made += load(folder, spec, items="test")
    examples = example_questions(*made)
    assert len(examples) >= 2
    assert not examples & scored_questions(*made)
    assert all(len(found) == 3 for scorer in made for found in prompts(scorer).values())
    assert not {*made[0].items.search} & {*made[0].items.test}


def test_prompts_of_the_plain_rule_would_hold_scored_documents(
    write: Callable[..., Path], load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault that the test above must catch."""
    from optimerge.objectives import documents as module

    folder = write(test_split="test")
    monkeypatch.setattr(module, "keep_apart", lambda *_, **__: None)
    (scorer,) = load(folder, TaskObjective(task="mine", num_fewshot=2))
    assert example_questions(scorer) & scored_questions(scorer)


def test_examples_from_another_split_are_lm_evals_but_for_copies_of_scored_documents(
    write: Callable[..., Path], load: Callable[..., Any]
) -> None:
    spec = TaskObjective(task="mine", num_fewshot=3, test_items=8)
    plain = load(write(**ALL), spec)[0]
    shared = documents("train")
    test = documents("test")
    copied = dict(zip(range(0, 30, 2), test[:15], strict=True))
    for number, doc in copied.items():
        shared[number] = doc
    mixed = [
        *load(write({"train": shared}, **ALL), spec),
        *load(write({"train": shared}, **ALL), spec, items="test"),
    ]
    assert not example_questions(*mixed) & scored_questions(*mixed)
    names = [doc["q"] for doc in documents("train")]
    for number, found in prompts(plain).items():
        for old, new in zip(found, prompts(mixed[0])[number], strict=True):
            # An example that is no copy stays where it was.
            if old in names and names.index(old) not in copied:
                assert old == new


@pytest.mark.parametrize("splits", [ALL, {"test_split": "test"}])
def test_a_documents_prompt_is_the_same_whichever_are_scored(
    write: Callable[..., Path], load: Callable[..., Any], splits: dict[str, str]
) -> None:
    folder = write(**splits)
    few = TaskObjective(task="mine", num_fewshot=2, search_items=4, name="few")
    many = TaskObjective(task="mine", num_fewshot=2, search_items=9)
    (one, two), (alone,) = load(folder, few, many), load(folder, many)
    for number, found in prompts(one).items():
        assert prompts(two)[number] == found
    assert prompts(alone) == prompts(two)


def test_kept_apart_prompts_are_lm_evals_with_the_pool_given(
    write: Callable[..., Path],
    load: Callable[..., Any],
    tokenizer: PreTrainedTokenizerFast,
    candidate: Candidate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What simple_evaluate scores with the same pool of examples is what we score."""
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
    folder = write(test_split="test")
    (scorer,) = load(folder, TaskObjective(task="mine", num_fewshot=2))
    manager = TaskManager(include_defaults=False, include_path=str(folder))
    task: Any = manager.load(["mine"])["tasks"]["mine"]
    task.sampler.replace_df(scorer.run.task.sampler.fewshot_docs())
    result = lm_eval.evaluator.simple_evaluate(
        model=HFLM(pretrained=candidate.model, tokenizer=tokenizer, batch_size=64),
        tasks=[task],
        task_manager=manager,
        num_fewshot=2,
        bootstrap_iters=0,
    )
    assert result is not None
    samples = {s["doc_id"]: s for s in result["samples"]["mine"]}
    scorer.score(candidate)
    found = scorer.run.read(scorer.run.documents)["acc,none"]
    assert found == {number: samples[number]["acc"] for number in scorer.items.search}
    first = scorer.run.instances[0]
    assert samples[first.doc_id]["arguments"][0][0] == first.args[0]


def test_too_few_documents_for_examples(
    write: Callable[..., Path], load: Callable[..., Any]
) -> None:
    folder = write({"test": documents("test")[:3]}, test_split="test")
    with pytest.raises(TaskError, match=r"'mine'.* 3 documents, 3 of them for examples"):
        load(folder, TaskObjective(task="mine", num_fewshot=2))
    twins = write({"test": documents("test")[:1] * 20}, test_split="test")
    with pytest.raises(TaskError, match=r"0 documents are left for examples .* and 3 are needed"):
        load(twins, TaskObjective(task="mine", num_fewshot=2))


def test_search_and_test_on_splits_of_their_own(
    write: Callable[..., Path], load: Callable[..., Any], candidate: Candidate
) -> None:
    folder = write(**ALL)
    spec = TaskObjective(task="mine", search_split="validation", search_items=10, num_fewshot=1)
    (search,), (test,) = load(folder, spec), load(folder, spec, items="test")
    assert {q[:2] for q in scored_questions(search)} == {"va"}
    assert {q[:2] for q in scored_questions(test)} == {"te"}
    assert len(scored_questions(search)) == 10
    assert test.items.test == tuple(range(20))
    assert {q[:2] for q in example_questions(search, test)} == {"tr"}
    assert score_all([search], candidate)["mine"].items == 10
    assert score_all([test], candidate)["mine"].items == 20
    facts = check_tasks([spec], folder)["mine"]
    assert (facts.documents, len(facts.items.search), len(facts.items.test)) == (24, 10, 20)


def test_a_split_kept_for_the_test_is_not_searched_on_by_another_objective(
    write: Callable[..., Path], load: Callable[..., Any]
) -> None:
    folder = write(**ALL)
    kept = TaskObjective(task="mine", search_split="validation", test_items=12)
    usual = TaskObjective(task="mine", name="usual")
    other = load(folder, kept, usual)[1]
    test = load(folder, kept, usual.model_copy(update={"test_items": 3}), items="test")[0]
    assert len(test.items.test) == 12
    assert not set(test.items.test) & set(other.items.search)


def test_the_searched_split_may_be_that_of_the_examples(
    write: Callable[..., Path], load: Callable[..., Any]
) -> None:
    folder = write(**ALL)
    spec = TaskObjective(task="mine", search_split="train", num_fewshot=2)
    made = [*load(folder, spec), *load(folder, spec, items="test")]
    assert {q.split()[0] for q in example_questions(*made)} == {"tr"}
    assert not example_questions(*made) & scored_questions(*made)
    assert len(made[0].items.search) == 27


def test_the_tasks_own_split_by_name_is_the_same_items(
    write: Callable[..., Path], load: Callable[..., Any]
) -> None:
    folder = write(**ALL)
    by_name = TaskObjective(task="mine", search_split="test", test_split="test", test_items=5)
    usual = TaskObjective(task="mine", test_items=5)
    (one,), (two,) = load(folder, by_name), load(folder, usual)
    assert one.items == two.items
    assert one.digest == two.digest


def test_a_split_that_is_not_there(write: Callable[..., Path], load: Callable[..., Any]) -> None:
    with pytest.raises(
        TaskError, match=r"no split 'tets'; did you mean 'test'\? it has test, train"
    ):
        load(write(**ALL), TaskObjective(task="mine", search_split="tets"))


def test_the_digest_follows_the_documents_kept_for_the_test(
    write: Callable[..., Path], load: Callable[..., Any]
) -> None:
    spec = TaskObjective(task="mine", search_split="validation")
    digest = load(write(**ALL), spec)[0].digest
    assert load(write(**ALL), spec)[0].digest == digest
    changed = documents("test")
    changed[3]["gold"] = 1 - changed[3]["gold"]
    assert load(write({"test": changed}, **ALL), spec)[0].digest != digest


def test_a_task_too_small_is_cut_in_proportion_with_one_warning(
    write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(**ALL)
    spec = TaskObjective(task="mine", search_items=60, test_items=20)
    facts = check_tasks([spec], folder)["mine"]
    assert (len(facts.items.search), len(facts.items.test)) == (15, 5)
    told = [r.getMessage() for r in caplog.records if r.name.startswith("optimerge")]
    assert told == list(facts.notes)
    assert len(told) == 1
    for part in ("'mine'", "search_items 60 become 15", "test_items 20 become 5", "--strict"):
        assert part in told[0]
    with pytest.raises(TaskError, match="60 \\+ test_items 20 are 80, but task 'mine' has 20"):
        check_tasks([spec], folder, strict=True)
    enough = TaskObjective(task="mine", search_items=15, test_items=5)
    assert check_tasks([enough], folder, strict=True)["mine"].notes == ()


def test_one_document_is_too_few_for_two_sets(write: Callable[..., Path]) -> None:
    folder = write({"test": documents("test")[:1]}, **ALL)
    with pytest.raises(TaskError, match="'mine' has 1 documents"):
        check_tasks([TaskObjective(task="mine", search_items=6, test_items=2)], folder)
    facts = check_tasks([TaskObjective(task="mine", search_items=6)], folder)["mine"]
    assert len(facts.items.search) == 1


SIZE = st.none() | st.integers(0, 40)


@settings(max_examples=80, deadline=None)
@example(2, [Ask(None, None), Ask(0, None)], 1, 0)
@given(
    st.integers(2, 60),
    st.lists(st.builds(Ask, SIZE, SIZE), min_size=1, max_size=3),
    st.integers(0, 1),
    st.integers(),
)
def test_drawn_sets_are_apart_whatever_is_asked(
    count: int, asks: list[Ask], reserve: int, seed: int
) -> None:
    room = count - reserve
    drawn = []
    for ask in asks:
        try:
            sets = draw_sets("o", "t", ask, asks, count, f"{seed}/t", reserve=reserve, strict=False)
        except TaskError:
            assert room < 2
            continue
        drawn.append(sets)
        assert bool(sets.search) == (ask.search != 0)
        assert bool(sets.test) == (ask.test != 0)
        assert len(sets.search) <= (room if ask.search is None else ask.search)
    searched = {number for sets in drawn for number in sets.search}
    tested = {number for sets in drawn for number in sets.test}
    assert not searched & tested
    assert len(searched | tested) <= room
