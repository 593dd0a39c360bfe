"""The plain way, against which plans are checked: a forward a request, unpadded, no cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.objectives.tokens.request import Chain, Request, Tokens

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COPIES = 4
TIMES = 4
"""How far beyond its own noise a model's answers may be, a plan's sums being in another order."""
_ABSOLUTE_RELATIVE = {"float32": (5e-5, 1e-4), "float16": (2e-2, 2e-4), "bfloat16": (5e-2, 1e-3)}
"""Measured: up to 6e-5 nats in float32, 0.09 at -200 nats in bfloat16, between batch shapes."""


@dataclass(frozen=True)
class Reference:
    """What the model says of each request, and by how much an answer may differ."""

    loglikelihoods: "npt.NDArray[np.float64]"
    greedy: "npt.NDArray[np.bool_]"
    margins: "npt.NDArray[np.float64]"
    """The least lead of the likeliest token over the next, among the answer's positions, nats."""
    limits: "npt.NDArray[np.float64]"


def ask_plainly(model: Any, requests: Sequence[Request], max_length: int) -> Reference:
    """Run each distinct input by itself.

    A limit is the dtype's, or `TIMES` what a batch of copies changes by itself, if that is more:
    noise of this model on this device, to which neither padding nor masks contribute.
    """
    import numpy as np
    import torch

    logs: dict[Tokens, torch.Tensor] = {}
    found: list[tuple[float, bool, float]] = []
    noise = 0.0
    with torch.no_grad():
        for number, request in enumerate(requests):
            chain = Chain.of(request, number, max_length)
            if chain.inputs not in logs:
                logs[chain.inputs] = _log_probs(model, chain.inputs, 1)
                if len(logs) % 4 == 1:
                    copies = _log_probs(model, chain.inputs, COPIES)
                    before, after = (_read(each, chain)[0] for each in (logs[chain.inputs], copies))
                    noise = max(noise, abs(after - before))
            found.append(_read(logs[chain.inputs], chain))
    sums, greedy, margins = (np.asarray(each) for each in zip(*found, strict=True))
    absolute, relative = _ABSOLUTE_RELATIVE.get(
        str(model.dtype).removeprefix("torch."), _ABSOLUTE_RELATIVE["bfloat16"]
    )
    limits = np.maximum(absolute + relative * np.abs(sums), TIMES * noise)
    return Reference(sums, greedy, margins, limits)


def _log_probs(model: Any, inputs: Tokens, copies: int) -> Any:
    import torch

    ids = torch.tensor([inputs] * copies, device=model.device)
    logits = model(ids, use_cache=False).logits[0]
    return torch.log_softmax(logits, dim=-1, dtype=torch.float32).cpu()


def _read(log_probs: Any, chain: Chain) -> tuple[float, bool, float]:
    import torch

    own, targets = log_probs[chain.stem :], torch.tensor(chain.targets)
    best = own.topk(2, dim=-1).values
    return (
        float(own.gather(1, targets[:, None]).double().sum()),
        bool((own.argmax(dim=-1) == targets).all()),
        float((best[:, 0] - best[:, 1]).min()),
    )
