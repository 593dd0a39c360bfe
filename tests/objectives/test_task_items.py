"""Search and test documents: disjoint, by the seed, the same in every process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError
from optimerge.objectives.items import Ask, ItemSets, draw_sets
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.tasks import load_tasks
from optimerge.space.objectives import TaskObjective, objective_name


def draw_items(
    spec: TaskObjective, specs: list[TaskObjective], documents: int, seed: int
) -> ItemSets:
    """Draw the two sets of `spec`, where search and test are of one split."""
    asks = [Ask(each.search_items, each.test_items or 0) for each in specs]
    mine = asks[specs.index(spec)]
    return draw_sets(objective_name(spec), spec.task, mine, asks, documents, f"{seed}/{spec.task}")


@given(
    st.integers(1, 60),
    st.integers(0, 2**40),
    st.lists(st.tuples(st.none() | st.integers(1, 20), st.integers(0, 20)), min_size=1, max_size=3),
)
def test_no_objective_searches_on_what_another_of_its_task_tests_on(
    documents: int, seed: int, sizes: list[tuple[int | None, int]]
) -> None:
    specs = [TaskObjective(task="t", search_items=s, test_items=t) for s, t in sizes]
    tested, searched = set[int](), set[int]()
    for spec in specs:
        try:
            drawn = draw_items(spec, specs, documents, seed)
        except TaskError:
            assert max(t for _, t in sizes) + (spec.search_items or 1) > documents
            continue
        assert drawn == draw_items(spec, specs, documents, seed)
        for ids in (drawn.search, drawn.test):
            assert list(ids) == sorted(set(ids) & set(range(documents)))
        assert len(drawn.test) == spec.test_items
        assert drawn.search
        assert spec.search_items in (None, len(drawn.search))
        tested.update(drawn.test)
        searched.update(drawn.search)
    assert not tested & searched


def test_by_default_all_that_are_not_test_items_are_searched_on() -> None:
    spec = TaskObjective(task="t", test_items=4)
    drawn = draw_items(spec, [spec], 10, 0)
    assert set(drawn.search) | set(drawn.test) == set(range(10))


def test_seed_and_task_choose() -> None:
    specs = [TaskObjective(task=name, search_items=10) for name in ("t", "u")]
    drawn = {draw_items(spec, [spec], 100, seed) for spec in specs for seed in range(5)}
    assert len(drawn) == 10


PINNED = (
    "from optimerge.objectives.items import Ask, draw_sets, digest_items\n"
    "sets = draw_sets('t', 't', Ask(3, 2), [Ask(3, 2)], 1000, '5/t')\n"
    "print(sets, digest_items('t', [(0, ('a', {'b': 1}))]))\n"
)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_same_in_another_process(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PINNED],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    spec = TaskObjective(task="t", search_items=3, test_items=2)
    sets = draw_items(spec, [spec], 1000, 5)
    # Pinned: a resumed study must draw what it drew.
    assert sets == ItemSets(search=(65, 150, 743), test=(352, 776))
    assert done.stdout.strip() == f"{sets} 36a2850ea0e487d015ae69fa57fb95af"


@pytest.fixture
def load(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path
) -> Callable[..., list[TaskScorer]]:
    def load(*specs: TaskObjective, seed: int = 0, **options: object) -> list[TaskScorer]:
        return load_tasks(
            specs,
            model=model,
            tokenizer=tokenizer,
            include_path=tasks,
            seed=seed,
            allow_code=True,
            **options,  # type: ignore[arg-type]
        )

    return load


def test_the_asked_set_is_scored(load: Callable[..., list[TaskScorer]]) -> None:
    spec = TaskObjective(task="next", search_items=12, test_items=5)
    (search,), (test,) = load(spec), load(spec, items="test")
    assert search.items == test.items
    assert set(search.run.documents) == set(search.items.search)
    assert set(test.run.documents) == set(search.items.test)
    assert not set(search.items.search) & set(search.items.test)


def test_the_digest_follows_ids_and_prompts(load: Callable[..., list[TaskScorer]]) -> None:
    spec = TaskObjective(task="pick", search_items=10)
    asked = [
        load(spec),
        load(spec, seed=1),
        load(spec.model_copy(update={"num_fewshot": 1})),
        load(spec.model_copy(update={"task": "next"})),
    ]
    assert len({scorer.digest for (scorer,) in asked}) == 4
    (again,) = load(spec.model_copy(update={"metric": "acc_norm"}))
    assert again.digest == asked[0][0].digest


def test_runs_are_shared_by_metrics_and_not_by_item_sets(
    load: Callable[..., list[TaskScorer]],
) -> None:
    one, two, three = load(
        TaskObjective(task="pick", metric="acc", search_items=10),
        TaskObjective(task="pick", metric="mcc", search_items=10),
        TaskObjective(task="pick", metric="acc", search_items=11),
    )
    assert one.run is two.run
    assert one.run is not three.run
    assert one.run.task is three.run.task
