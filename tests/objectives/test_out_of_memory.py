"""Objectives with batches of their own halve them for good, and score the same."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.drift import DriftScorer
from optimerge.objectives.halving import Batches
from optimerge.objectives.length import LengthScorer
from optimerge.objectives.perplexity import PerplexityScorer
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objective_kinds.length import LengthObjective
from optimerge.space.objective_kinds.perplexity import PerplexityObjective

KINDS = ["drift", "perplexity", "length"]
Make = Callable[[str], Any]


@pytest.fixture
def make(
    model: LlamaForCausalLM,
    make_model: Callable[[int], LlamaForCausalLM],
    tokenizer: PreTrainedTokenizerFast,
    tmp_path: Path,
) -> Make:
    rng = Random(2)
    lines = [" ".join(rng.choices("abcdefgh0123", k=rng.randint(1, 12))) for _ in range(14)]
    (tmp_path / "p.txt").write_text("\n".join(lines))
    context = Context(model.config, tokenizer, tmp_path)

    def made(kind: str) -> Any:
        if kind == "length":
            spec = LengthObjective(length="p.txt", max_new_tokens=6)
            return LengthScorer(kind, spec, context)
        if kind == "perplexity":
            about = PerplexityObjective(perplexity="p.txt", context=7)
            return PerplexityScorer(kind, about, context)
        drift = DriftScorer(kind, DriftObjective(drift="p.txt"), context)
        drift.prepare(lambda name: make_model(7))
        return drift

    return made


def with_room_for(model: LlamaForCausalLM, rows: int) -> list[int]:
    """Have the model run out of memory above so many rows; return the list of what it ran."""
    ran, forward = list[int](), model.forward

    def limited(*inputs: Any, **more: Any) -> Any:
        ids = more["input_ids"] if "input_ids" in more else inputs[0]
        if len(ids) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        ran.append(len(ids))
        return forward(*inputs, **more)

    model.forward = limited  # type: ignore[method-assign]
    return ran


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_halved_for_good_and_the_score_stays(
    make: Make, candidate: Candidate, model: LlamaForCausalLM, kind: str
) -> None:
    whole = make(kind).score(candidate)
    scorer = make(kind)
    ran = with_room_for(model, 3)
    assert scorer.score(candidate).value == pytest.approx(whole.value, rel=1e-6)
    assert 2 <= max(ran) <= 3
    tried = [len(batch) for batch in scorer._batches]
    assert max(tried) <= 3
    del model.forward
    again = scorer.score(candidate)
    assert again.value == pytest.approx(whole.value, rel=1e-6)
    assert [len(batch) for batch in scorer._batches] == tried


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_that_is_too_much_fails_and_the_next_candidate_is_fine(
    make: Make, candidate: Candidate, model: LlamaForCausalLM, kind: str
) -> None:
    scorer = make(kind)
    with_room_for(model, 0)
    with pytest.raises(torch.OutOfMemoryError):
        scorer.score(candidate)
    del model.forward
    assert scorer.score(candidate).value == pytest.approx(make(kind).score(candidate).value)


@pytest.mark.parametrize("kind", KINDS)
def test_nan_names_the_layer(
    make: Make, candidate: Candidate, model: LlamaForCausalLM, kind: str
) -> None:
    scorer = make(kind)
    with torch.no_grad():
        model.model.layers[1].self_attn.v_proj.weight[0, 0] = float("nan")
    bad = "model.layers.1.self_attn.v_proj.weight"
    with pytest.raises(TrialError, match=f"objective '{kind}'.*, not finite from '{bad}' on"):
        scorer.score(candidate)


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    batches = Batches([[1, 2, 3]])

    def broken(batch: Any) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        list(batches.run(broken))
    assert list(batches) == [[1, 2, 3]]
