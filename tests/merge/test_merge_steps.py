"""How much memory a stream of tensors takes: by step, by layer, the same bytes once."""

from pathlib import Path

import pytest

from optimerge.checkpoint.headers import TensorInfo
from optimerge.merge.arena import ALIGNED, padded
from optimerge.merge.steps import ring_bytes, step_bytes


def info(name: str, start: int, count: int, file: str = "a") -> TensorInfo:
    return TensorInfo(name, "F32", (count // 4,), Path(file), start, start + count)


def test_a_step_holds_each_tensor_once_in_its_own_lines() -> None:
    one, other = info("x", 0, 4 * ALIGNED), info("x", 0, 4, "b")
    assert step_bytes([one]) == 4 * ALIGNED
    assert step_bytes([one, other]) == 4 * ALIGNED + padded(4)
    assert step_bytes([one, info("y", 0, 4 * ALIGNED)]) == 4 * ALIGNED  # the same bytes
    assert step_bytes([]) == ALIGNED


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ({}, ALIGNED),
        ({"lm_head.weight": 50}, 50),
        ({"model.layers.0.a": 5}, 5),
        ({"model.layers.0.a": 5, "model.layers.0.b": 3}, 8),
        ({"model.layers.0.a": 5, "model.layers.0.b": 5, "model.layers.0.c": 5}, 10),
        ({"model.layers.0.a": 5, "model.layers.1.a": 5}, 5),
        ({"model.layers.0.a": 5, "model.layers.0.b": 4, "model.layers.1.a": 2}, 9),
        ({"model.layers.0.a": 5, "model.layers.0.b": 4, "lm_head.weight": 50}, 50),
    ],
)
def test_a_ring_holds_the_largest_layer_or_two_of_its_largest_steps(
    sizes: dict[str, int], wanted: int
) -> None:
    assert ring_bytes(sizes) == wanted
