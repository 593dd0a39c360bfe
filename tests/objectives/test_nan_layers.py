"""NaN in a task's log-likelihoods or texts is a failed trial that names where it began."""

from pathlib import Path

import pytest
import torch
from scored_whole import score_all
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TrialError
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.tasks import load_tasks
from optimerge.space.objectives import TaskObjective


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("task", ["pick", "next", "text", "say", "dream"])
def test_the_first_bad_layer_is_named_and_the_next_candidate_is_fine(
    candidate: Candidate,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    tasks: Path,
    task: str,
    value: str,
) -> None:
    scorers = load_tasks(
        [TaskObjective(task=task)], model=model, tokenizer=tokenizer, include_path=tasks, seed=0
    )
    before = score_all(scorers, candidate)[task].value
    weight = model.model.layers[1].mlp.gate_proj.weight
    kept = weight[2, 5].item()
    with torch.no_grad():
        weight[2, 5] = float(value)
    bad = "model.layers.1.mlp.gate_proj.weight"
    with pytest.raises(
        TrialError, match=f"^task '{task}': .*, not finite from '{bad}' on$"
    ) as said:
        score_all(scorers, candidate)
    assert "\n" not in str(said.value)
    with torch.no_grad():
        weight[2, 5] = kept
    assert score_all(scorers, candidate)[task].value == before
