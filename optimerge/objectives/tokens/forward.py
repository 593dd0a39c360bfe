"""One forward: the log-probabilities of answers at the needed positions of a batch."""

import inspect
from typing import TYPE_CHECKING, Any

from optimerge.objectives.tokens.batches import Batch

if TYPE_CHECKING:
    from torch import Tensor


def knows_positions(model: Any) -> bool:
    """Say whether the model computes logits only where a mask of positions says so.

    transformers 5.23: `logits_to_keep` as bool [B, T] gives [n, V], softcap and scale applied.
    Earlier ones take it too, but only as a number or as places common to all rows.
    """
    import torch
    import transformers.modeling_utils as utils

    if not hasattr(utils, "slice_logits_to_keep"):
        return False
    if "logits_to_keep" not in inspect.signature(model.forward).parameters:
        return False
    ids = torch.zeros((2, 2), dtype=torch.long, device=model.device)
    keep = torch.tensor([[True, True], [False, True]], device=model.device)
    try:
        with torch.no_grad():
            found = model(ids, logits_to_keep=keep, use_cache=False).logits
    except (IndexError, RuntimeError, TypeError, ValueError):
        return False  # It read the mask as something else: all logits are made, and then cut.
    return found.dim() == 2 and len(found) == 3


def run(model: Any, batch: Batch, *, keep: bool, **inputs: Any) -> tuple["Tensor", "Tensor"]:
    """Return each answer token's log-probability (float32 [k]) and whether it is the likeliest.

    `keep`: what `knows_positions` says of the model.
    """
    import torch

    if keep:
        inputs["logits_to_keep"] = batch.needed
    logits = model(batch.ids, **inputs).logits
    if not keep:
        logits = logits[batch.needed]
    log_probs = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
    # argmax after the softmax, and on ties the first: as lm-eval.
    likeliest = log_probs.argmax(dim=-1)
    return log_probs[batch.places, batch.targets], likeliest[batch.places] == batch.targets
