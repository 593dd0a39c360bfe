"""Sizes, memory and time of a search, estimated: held against what is counted by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import CheckpointError
from optimerge.objectives.outline import Outline, Outlined
from optimerge.search.models import open_models
from optimerge.search.offline.memory import estimated_memory
from optimerge.search.offline.sizes import size_in_name, sizes_of
from optimerge.search.offline.work import (
    BYTES_A_SECOND,
    DOCUMENT,
    OPERATIONS_A_SECOND,
    STEP_SECONDS,
    estimated_seconds,
    planned_trials,
)
from optimerge.search.tiers import needed
from optimerge.space.objectives import TaskObjective
from optimerge.space.read import make_space, read_space
from optimerge.space.space import SearchSpace

GIGA = 10**9


def space_of(tmp_path: Path, **keys: Any) -> SearchSpace:
    data = {
        "merge_method": "task_arithmetic",
        "base_model": "org/base-7b",
        "models": [
            {"model": "org/a-7b", "parameters": {"weight": {"low": 0, "high": 1}}},
            {"model": "org/b-7b", "parameters": {"weight": 1}},
        ],
        "objectives": [{"sparsity": "nonzero"}],
        **keys,
    }
    return make_space(yaml.safe_load(yaml.safe_dump(data)), tmp_path / "space.yaml")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Qwen1.5-7B", 7 * GIGA),
        ("firefly-qwen1.5-en-7b", 7 * GIGA),
        ("Qwen2.5-Coder-1.5B-Instruct", 1_500_000_000),
        ("Qwen3-30B-A3B", 30 * GIGA),
        ("Hermes-3-Llama-3.1-8B", 8 * GIGA),
        ("SmolLM2-135M-Instruct", 135 * 10**6),
        ("internlm2-chat-1_8b", 1_800_000_000),
        ("Mixtral-8x7B-v0.1", None),
        ("phi-3-mini-4k-instruct", None),
        ("gpt2-medium", None),
        ("model-7bit", None),
    ],
)
def test_the_size_that_a_name_gives(name: str, size: int | None) -> None:
    assert size_in_name(name) == size


def test_two_experts_of_seven_billion(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    memory = estimated_memory(space, sizes_of(space))
    assert memory is not None
    assert memory.resident == 14 * GIGA
    assert memory.beside == 4 * 14 * GIGA


def test_adapters_share_their_base_and_int8_halves_experts(tmp_path: Path) -> None:
    models = [
        {"model": f"org/base-7b+org/{n}", "parameters": {"weight": {"low": 0, "high": 1}}}
        for n in "ab"
    ]
    space = space_of(tmp_path, models=models)
    assert [each.adapter for each in sizes_of(space).values()] == [False, True, True]
    memory = estimated_memory(space, sizes_of(space))
    assert memory is not None
    assert memory.beside == 2 * 14 * GIGA
    space = space_of(tmp_path, search={"task_vectors": "int8"})
    memory = estimated_memory(space, sizes_of(space))
    assert memory is not None
    assert memory.stored == (14 + 7 + 7) * GIGA


def test_a_layer_map_has_a_deeper_resident_model(tmp_path: Path) -> None:
    data = {
        "layer_map": {"models": ["org/a-7b", "org/b-7b"], "layers": 32, "blocks": 8},
        "objectives": [{"task": "gsm8k"}],
    }
    space = make_space(data, tmp_path / "space.yaml")
    memory = estimated_memory(space, sizes_of(space))
    assert memory is not None
    assert memory.resident == 2 * 14 * GIGA


def test_what_is_not_known_is_not_estimated(tmp_path: Path) -> None:
    space = space_of(tmp_path, base_model="org/base")
    sizes = sizes_of(space)
    assert estimated_memory(space, sizes) is None
    assert estimated_seconds(space, sizes, None, {}, {}) is None


def test_models_that_are_here_are_counted(family: Path) -> None:
    space = read_space(family / "space.yaml")
    sizes = sizes_of(space)
    found = open_checkpoint("base", family)
    assert all(each.here for each in sizes.values())
    assert sizes["base"].parameters == found.parameters
    assert sizes["base"].layers == found.layers
    memory = estimated_memory(space, sizes)
    assert memory is not None
    models = open_models(space)
    assert memory.stored == sum(each.bytes for each in models.checkpoints)
    assert memory.resident == found.bytes
    need = needed(models, space)  # with what each tensor's place is rounded up to
    assert memory.stored <= need.weights
    assert memory.resident <= need.resident


def test_a_name_that_can_be_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be a model of the Hub"):
        sizes_of(space_of(tmp_path, base_model="./base of mine"))


def test_the_seconds_are_those_of_merge_reading_and_writing(tmp_path: Path) -> None:
    task = {"task": "gsm8k", "search_items": 100, "num_fewshot": 3}
    space = space_of(tmp_path, objectives=[task], search={"batch_size": 32})
    (spec,) = space.objectives
    assert isinstance(spec, TaskObjective)
    sizes = sizes_of(space)
    memory = estimated_memory(space, sizes)

    def seconds(**config: Any) -> float:
        outlines = {"gsm8k": Outlined(spec, (Outline({"task": "gsm8k", **config}),), None, False)}
        found = estimated_seconds(space, sizes, memory, outlines, {})
        assert found is not None
        return found

    merge = 4 * 14 * GIGA / BYTES_A_SECOND
    read = 2 * 7 * GIGA * 100 * 4 * DOCUMENT / OPERATIONS_A_SECOND
    step = 14 * GIGA / BYTES_A_SECOND + STEP_SECONDS
    chosen = seconds(output_type="multiple_choice")
    assert chosen == pytest.approx(merge + read)
    written = seconds(output_type="generate_until", generation_kwargs={"max_gen_toks": 64})
    assert written == pytest.approx(merge + read + 4 * 64 * step)


def test_the_trials_that_a_space_plans(tmp_path: Path) -> None:
    assert planned_trials(space_of(tmp_path)) == 200
    assert planned_trials(space_of(tmp_path, search={"trials": 7})) == 7
    assert planned_trials(space_of(tmp_path, search={"hours": 9})) is None
