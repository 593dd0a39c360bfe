"""Plans on the live model: any requests, changed weights, too little memory, numbers not finite."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from optimerge.objectives.tokens.budget import Budget, fit, is_out_of_memory, probe_budget
from optimerge.objectives.tokens.faults import first_bad_layer
from optimerge.objectives.tokens.make import Name, make_plan
from optimerge.objectives.tokens.plan import RowPlan
from optimerge.objectives.tokens.reference import ask_plainly
from optimerge.objectives.tokens.request import Request

LONGEST = 48
NAMES: tuple[Name, ...] = ("flat", "level", "tree", "shared")
LmEval = Callable[[Any, Sequence[Request]], tuple[list[float], list[bool]]]

# Few letters and common starts, so that answers repeat, begin with one another and branch; the
# longest are cut.
letters = st.lists(st.integers(3, 5), min_size=1, max_size=4)
starts = st.sampled_from([(), (7,) * 3, (7,) * 3 + (8,) * 9, tuple(range(3, 31)) * 2])
contexts = st.builds(lambda start, rest: (*start, *rest), starts, letters)
asked = st.lists(st.builds(Request, contexts, letters.map(tuple)), min_size=1, max_size=14)


def plan_of(
    name: Name, requests: Sequence[Request], model: Any, tokens: int = 256, overhead: int = 0
) -> RowPlan:
    budget = Budget(tokens)
    return make_plan(name, requests, model, max_length=LONGEST, budget=budget, overhead=overhead)


@given(requests=asked, tokens=st.sampled_from([1, 30, 300]))
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("name", NAMES)
def test_any_requests_are_answered_as_by_the_plain_model(
    name: Name, requests: list[Request], tokens: int, llama: Any
) -> None:
    answers = plan_of(name, requests, llama, tokens).answer(llama)
    expected = ask_plainly(llama, requests, LONGEST)
    np.testing.assert_allclose(answers.loglikelihoods, expected.loglikelihoods, 1e-4, 1e-5)
    clear = expected.margins > 1e-4
    assert (answers.greedy == expected.greedy)[clear].all()


def test_the_plain_model_is_lm_eval(
    llama: Any, requests: list[Request], of_lm_eval: LmEval
) -> None:
    values, greedy = of_lm_eval(llama, requests)
    expected = ask_plainly(llama, requests, LONGEST)
    np.testing.assert_allclose(expected.loglikelihoods, values, 1e-4)
    assert expected.greedy.tolist() == greedy


@pytest.mark.parametrize("name", NAMES)
def test_changed_weights_change_answers(name: Name, llama: Any, requests: list[Request]) -> None:
    model = copy.deepcopy(llama)
    plan = plan_of(name, requests, model)
    first = plan.answer(model)
    for parameter in model.parameters():
        parameter.data.mul_(1.05)
    second = plan.answer(model)
    fresh = plan_of(name, requests, model).answer(model)
    assert (second.loglikelihoods == fresh.loglikelihoods).all()
    assert (second.loglikelihoods != first.loglikelihoods).mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_the_same_budget_gives_the_same_bits(
    name: Name, llama: Any, requests: list[Request]
) -> None:
    one, other = (plan_of(name, requests, llama, 200).answer(llama) for _ in range(2))
    assert (one.loglikelihoods == other.loglikelihoods).all()


class Small:
    """A model on a device that holds `room` tokens, with the errors of CUDA and of others."""

    def __init__(self, model: Any, room: int, error: Exception) -> None:
        self.model, self.room, self.error, self.failures = model, room, error, 0
        self.config, self.device, self.dtype = model.config, model.device, model.dtype
        self.forward = model.forward

    def __call__(self, ids: torch.Tensor, **inputs: Any) -> Any:
        if ids.numel() > self.room:
            self.failures += 1
            raise self.error
        return self.model(ids, **inputs)


ERRORS = [
    torch.OutOfMemoryError("no"),
    RuntimeError("MPS backend out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize(
    ("name", "error"),
    [*((name, ERRORS[0]) for name in NAMES), *(("shared", error) for error in ERRORS[1:])],
)
def test_out_of_memory_halves_the_batches_for_good(
    name: Name, error: Exception, llama: Any, requests: list[Request]
) -> None:
    asked = [*requests, *(Request((i, *range(3, 10)), (4,)) for i in range(3, 31))]
    examples = tuple(range(20, 0, -1))
    asked += [Request((*examples, i, *range(3, 16)), (4,)) for i in range(3, 31)]
    plan = plan_of(name, asked, llama, 2048, overhead=256)
    # No two of the longest rows fit.
    longest = max(len(row) for group in plan.groups for row in group.rows)
    small = Small(llama, max(longest, LONGEST), error)
    answers = plan.answer(small)
    assert small.failures >= 2
    assert plan.budget.tokens <= 2 * small.room
    same = plan_of(name, asked, llama, plan.budget.tokens, overhead=256)
    same.budget.logits = plan.budget.logits
    assert (answers.loglikelihoods == same.answer(llama).loglikelihoods).all()
    failures = small.failures
    plan.answer(small)
    assert small.failures == failures


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_does_not_fit_fails(name: Name, llama: Any, requests: list[Request]) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        plan_of(name, requests, llama).answer(Small(llama, 10, torch.OutOfMemoryError("no")))


def test_other_errors_are_not_taken_for_want_of_memory(llama: Any, requests: list[Request]) -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert is_out_of_memory(MemoryError())
    with pytest.raises(RuntimeError, match="shapes"):
        plan_of("flat", requests, llama).answer(Small(llama, 10, RuntimeError("shapes")))


def test_budgets_fit_free_memory(llama: Any) -> None:
    assert fit(free=80 << 30, used=1 << 30, tokens=1024) == 32768
    assert fit(free=79 << 30, used=1 << 30, tokens=1024) == 32768
    assert fit(free=1 << 20, used=1 << 30, tokens=1024) == 1024
    assert fit(free=1 << 50, used=0, tokens=1024) == 65536
    assert probe_budget(llama, LONGEST) == Budget()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_not_hidden(
    name: Name, value: float, llama: Any, requests: list[Request]
) -> None:
    model = copy.deepcopy(llama)
    plan = plan_of(name, requests, model)
    model.model.layers[1].mlp.up_proj.weight.data[3, 4] = value
    assert not np.isfinite(plan.answer(model).loglikelihoods).any()
    where = first_bad_layer(model, requests[0], LONGEST)
    assert where == "model.layers.1.mlp.up_proj.weight"


def test_the_layer_where_numbers_overflow_is_named(llama: Any, requests: list[Request]) -> None:
    model = copy.deepcopy(llama)
    assert first_bad_layer(model, requests[0], LONGEST) is None
    model.model.layers[0].mlp.down_proj.weight.data.fill_(3e38)
    assert first_bad_layer(model, requests[0], LONGEST) == "model.layers.0.mlp.down_proj"
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_makes_all_logits_is_cut_afterwards(
    name: Name, llama: Any, requests: list[Request]
) -> None:
    class Old(type(llama)):  # type: ignore[misc]
        def forward(self, input_ids: Any, **inputs: Any) -> Any:
            assert "logits_to_keep" not in inputs
            return super().forward(input_ids, **inputs)

    old = copy.deepcopy(llama)
    old.__class__ = Old
    found, expected = (
        plan_of(name, requests, model).answer(model).loglikelihoods for model in (old, llama)
    )
    np.testing.assert_allclose(found, expected, 1e-5)
