"""The check at start-up notices plans that are wrong for a model, and steps back."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from optimerge.objectives.tokens import masks
from optimerge.objectives.tokens.batches import Batch
from optimerge.objectives.tokens.budget import Budget
from optimerge.objectives.tokens.choose import Choice, choose_plan, pick
from optimerge.objectives.tokens.plan import RowPlan
from optimerge.objectives.tokens.request import Request

LONGEST = 48
Mask = Callable[[Batch, int, int | None, torch.dtype], torch.Tensor]


def choose(model: Any, requests: list[Request]) -> Choice:
    return choose_plan(model, requests, max_length=LONGEST, budget=Budget(256))


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., torch.Tensor]], None]:
    """Replace the mask by a fault that is given the right one."""
    right: Mask = masks._mask

    def plant(fault: Callable[..., torch.Tensor]) -> None:
        monkeypatch.setattr(masks, "_mask", lambda *inputs: fault(right, *inputs))

    return plant


def without_window(right: Mask, batch: Batch, prefix: int, window: Any, dtype: Any) -> torch.Tensor:
    return right(batch, prefix, None, dtype)


def window_of_places(
    right: Mask, batch: Batch, prefix: int, window: Any, dtype: Any
) -> torch.Tensor:
    """Count places in the row, as transformers' own masks do, and not depths."""
    mask = right(batch, prefix, None, dtype)
    place = torch.arange(batch.ids.shape[1])
    keys = torch.arange(prefix + len(place)) - prefix
    far = place[:, None] - keys >= (window or 10**6)
    return mask.masked_fill(far, torch.finfo(dtype).min)


def without_an_ancestor(right: Mask, batch: Batch, *inputs: Any) -> torch.Tensor:
    """Hide from each token the one before it: a single place in a row of the mask."""
    mask = right(batch, *inputs)
    places = torch.arange(1, batch.ids.shape[1])
    prefix = mask.shape[-1] - batch.ids.shape[1]
    mask[:, :, places, prefix + places - 1] = torch.finfo(mask.dtype).min
    return mask


def with_siblings(right: Mask, batch: Batch, *inputs: Any) -> torch.Tensor:
    """Let all tokens see all before them, as a causal mask would."""
    mask = right(batch, *inputs)
    length = batch.ids.shape[1]
    seen = torch.ones(length, length).tril().bool()
    mask[..., -length:].masked_fill_(seen, 0)
    return mask


@pytest.mark.parametrize(
    ("architecture", "fault", "dtype"),
    [
        ("mistral", without_window, torch.float32),
        ("mistral", without_window, torch.bfloat16),
        ("gemma2", without_window, torch.float32),
        ("gemma3_text", without_window, torch.float32),
        ("mistral", window_of_places, torch.float32),
        ("llama", without_an_ancestor, torch.float32),
        ("llama", without_an_ancestor, torch.bfloat16),
        ("llama", with_siblings, torch.float32),
        ("gpt2", with_siblings, torch.bfloat16),
    ],
)
def test_a_wrong_mask_is_noticed(
    architecture: str,
    fault: Callable[..., torch.Tensor],
    dtype: torch.dtype,
    plant: Callable[..., None],
    of_architecture: Callable[..., Any],
    requests: list[Request],
) -> None:
    model = of_architecture(architecture).to(dtype)
    plant(fault)  # Without it, the tests of parity see shared chosen.
    choice = choose(model, requests)
    assert choice.plan.name == "flat"
    assert "shared was refused, a log-likelihood is" in choice.reason
    assert "tree was refused, a log-likelihood is" in choice.reason


def test_wrong_positions_are_noticed(
    llama: Any, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf(type(llama)):  # type: ignore[misc]
        def forward(self, input_ids: Any, position_ids: Any = None, **inputs: Any) -> Any:
            return super().forward(input_ids, **inputs)

    deaf = copy.deepcopy(llama)
    deaf.__class__ = Deaf
    assert choose(deaf, requests).plan.name == "flat"


def test_a_model_that_refuses_masks_runs_flat(llama: Any, requests: list[Request]) -> None:
    class Strict(type(llama)):  # type: ignore[misc]
        def forward(self, input_ids: Any, attention_mask: Any = None, **inputs: Any) -> Any:
            if attention_mask is not None:
                raise ValueError("attention_mask must be\ntwo-dimensional")
            return super().forward(input_ids, **inputs)

    strict = copy.deepcopy(llama)
    strict.__class__ = Strict
    choice = choose(strict, requests)
    assert choice.plan.name == "flat"
    assert "the model raised ValueError: attention_mask must be two-dim" in choice.reason


class Padded:
    """Adds to the logits what depends on the length of the batch, as padding would."""

    def __init__(self, by: Callable[[torch.Tensor], float]) -> None:
        self.by = by

    def over(self, model: Any) -> Any:
        by = self.by

        class Model(type(model)):  # type: ignore[misc]
            def forward(self, input_ids: Any, logits_to_keep: Any = 0, **inputs: Any) -> Any:
                out = super().forward(input_ids, logits_to_keep=logits_to_keep, **inputs)
                places = torch.arange(out.logits.shape[-1])
                out.logits = out.logits + (places * by(input_ids)).sin()
                return out

        made = copy.deepcopy(model)
        made.__class__ = Model
        return made


def test_a_model_that_minds_padding_gets_none(llama: Any, requests: list[Request]) -> None:
    model = Padded(lambda ids: float(ids.shape[1])).over(llama)
    choice = choose(model, requests)
    assert choice.plan.name == "level"
    assert isinstance(choice.plan, RowPlan)
    assert "flat was refused, a log-likelihood is" in choice.reason
    assert all(
        batch.tokens == batch.size
        for _, batch_list in choice.plan.batches("cpu")
        for batch in batch_list
    )


def test_a_model_that_minds_other_rows_runs_them_one_by_one(
    llama: Any, requests: list[Request]
) -> None:
    # The check's own batches of copies show noise as large as the fault: so rows of equal length
    # that are not copies must tell.
    model = Padded(lambda ids: float(len(ids.unique(dim=0)) * ids.shape[1])).over(llama)
    choice = choose(model, [*requests, *(Request((3, i), (5,)) for i in range(3, 20))])
    assert choice.reason.startswith("one by one: ")
    assert isinstance(choice.plan, RowPlan)
    assert all(
        len(batch.ids) == 1 for _, batches in choice.plan.batches("cpu") for batch in batches
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"_attn_implementation": "flash_attention_2"}, "takes no mask of its own"),
        ({"is_encoder_decoder": True}, "has an encoder"),
        ({"layer_types": ["full_attention", "mamba"]}, "layers of kind 'mamba'"),
        ({"attention_chunk_size": 8}, "cut into chunks"),
        ({"layer_types": ["sliding_attention"]}, "windows have no length"),
    ],
)
def test_models_known_to_take_no_masks_are_not_asked(
    change: dict[str, Any], reason: str, llama: Any
) -> None:
    model = copy.copy(llama)
    model.config = copy.deepcopy(llama.config)
    for name, value in change.items():
        setattr(model.config, name, value)
    with pytest.raises(masks.CannotMask, match=reason):
        masks.Masks(model)


def test_a_model_without_finite_answers_runs_flat(llama: Any, requests: list[Request]) -> None:
    model = copy.deepcopy(llama)
    model.lm_head.weight.data.fill_(float("nan"))
    choice = choose(model, requests)
    assert choice.plan.name == "flat"
    assert "not finite" in choice.reason


def test_requests_that_share_nothing_run_flat(llama: Any) -> None:
    choice = choose(llama, [Request((i, i + 1), (3,)) for i in range(3, 20)])
    assert choice.plan.name == "flat"
    assert "refused" not in choice.reason


def test_the_sample_spans_lengths_answers_and_groups(requests: list[Request]) -> None:
    many = [*requests, *(Request((i % 20 + 3,) * (i % 40 + 1), (4,)) for i in range(400))]
    sample = [many[i] for i in pick(many, LONGEST)]
    assert len(sample) < 150
    assert len({each.context for each in sample}) <= 25
    lengths = [len(each.context) for each in many]
    assert {min(lengths), max(lengths)} <= {len(each.context) for each in sample}
    assert max(len(each.answer) for each in sample) == max(len(each.answer) for each in many)
