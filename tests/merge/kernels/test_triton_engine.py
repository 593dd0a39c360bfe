"""The engine writes with the Triton back end what it writes with torch's, a candidate a call.

It runs in Triton's interpreter; on a machine with a GPU, `TRITON_INTERPRET=0 pytest -n 0` with
this file runs the compiled kernels.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, _config, save_family
from together_cases import METHODS, STEPS, differences, engine_on, recipe
from triton_cases import quick_interpreter

from optimerge.errors import TrialError
from optimerge.merge.change import Change
from optimerge.merge.engine import Engine
from optimerge.merge.kernels.many import Job
from optimerge.merge.kernels.reference import TorchKernels
from optimerge.merge.kernels.triton_kernels import TritonKernels
from optimerge.recipe.schema import Recipe

ON = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
MODELS = ("base", "red", "blue")


class Counted(TritonKernels):
    """The back end, and of how many tensors each call was."""

    def __init__(self) -> None:
        super().__init__(ON)
        self.calls: list[int] = []

    def merge_many(self, jobs: Iterable[Job]) -> list[Change | None]:
        found = super().merge_many(jobs)
        self.calls.append(len(found))
        return found


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_interpreter():
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make models of one layer: the interpreter is slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CONFIGS, "small", _config("Llama", num_hidden_layers=1))
        return save_family(tmp_path_factory.mktemp("small"), "small", False, torch.bfloat16)


def engines(folder: Path, steps: bool) -> tuple[Engine, Engine, Counted]:
    counted = Counted()
    one, other = (
        engine_on(k, folder, MODELS, steps=steps, device=ON) for k in (TorchKernels(ON), counted)
    )
    return one, other, counted


@pytest.fixture(scope="module")
def by_kind(small: Path) -> dict[bool, tuple[Engine, Engine, Counted]]:
    return {steps: engines(small, steps) for steps in (False, True)}


def check(one: Engine, other: Engine, wanted: Recipe) -> None:
    expected, found = one.apply(wanted), other.apply(wanted)
    assert differences(one, other) == []
    assert (found.parameters, found.nonzero) == (expected.parameters, expected.nonzero)
    assert found.l1 == pytest.approx(expected.l1, rel=1e-6)
    assert found.l2 == pytest.approx(expected.l2, rel=1e-6)


@pytest.mark.parametrize(
    ("method", "steps"),
    [
        *((method, False) for method in METHODS),
        *(
            pytest.param(method, True, marks=() if method == "ties" else pytest.mark.slow)
            for method in METHODS[1:]
        ),
    ],
)
def test_a_candidate_is_that_of_the_torch_back_end(
    by_kind: dict[bool, tuple[Engine, Engine, Counted]], method: str, steps: bool
) -> None:
    one, other, counted = by_kind[steps]
    more = STEPS if steps else ""
    check(one, other, recipe(method, more, out="bfloat16"))
    counted.calls.clear()
    check(one, other, recipe(method, more, red={"mlp": -0.2}, blue={"mlp": 0.3}, out="bfloat16"))
    check(one, other, recipe(method, more, red={"mlp": 0.9}, blue={"mlp": 0.3}, out="bfloat16"))
    assert counted.calls == [len(other._targets), 3]  # the second: gate, up and down


def test_what_is_no_number_is_said_and_the_next_candidate_is_sound(small: Path) -> None:
    one, other, _ = engines(small, steps=False)
    wrong = recipe("ties", red={"up_proj": 1e39}, blue={"up_proj": 1e39}, out="bfloat16")
    for engine in (one, other):
        with (
            np.errstate(all="ignore"),  # the interpreter computes with numpy
            pytest.raises(TrialError, match=r"weights in model\.layers\.0\.mlp\.up_proj\.weight"),
        ):
            engine.apply(wrong)
    check(one, other, recipe("ties", out="bfloat16"))
