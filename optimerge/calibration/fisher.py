"""The diagonal of a language model's Fisher information, document by document.

    F = mean over documents x of E_{y ~ p(y | x)} (d log p(y | x) / d theta)^2        (per entry)

p(y | x) is the model's prediction of the token behind each position of the document, and y is
drawn from it by inverse transform of uniform numbers that the seed and the document key. Labels
of different positions are drawn independently, so the squared gradient of their sum is an
unbiased estimate of the sum of their Fisher information. `text` labels take the document's own
tokens instead: the empirical Fisher, which is another quantity (near a fit it overrates entries
that the model gets wrong). Gradients are squared document by document, and each is given back
as soon as it is added: beside the model there is one float32 sum an entry.

Matena and Raffel, "Merging Models with Fisher-Weighted Averaging", 2022, sections 3.1 and 3.2,
https://arxiv.org/abs/2111.09832
"""

import hashlib
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Labels = Literal["sampled", "text"]


class FisherSums:
    """Sums of squared gradients, by the live name of a parameter; tied names share a sum.

    `wanted`: live names of the parameters to measure.
    """

    def __init__(self, model: "torch.nn.Module", wanted: Container[str]) -> None:
        import torch

        self.model = model
        self.gradients = 0
        """How many were squared and added."""
        self.sums: dict[str, Tensor] = {}
        by_id: dict[int, Tensor] = {}
        for name, parameter in model.named_parameters(remove_duplicate=False):
            if name in wanted and parameter.is_floating_point():
                if id(parameter) not in by_id:
                    by_id[id(parameter)] = torch.zeros_like(parameter, dtype=torch.float32)
                self.sums[name] = by_id[id(parameter)]
        self._by_id = by_id

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Switch gradients on, and add the square of each as it comes; then as it was before."""
        parameters = [p for p in self.model.parameters() if id(p) in self._by_id]
        before = [p.requires_grad for p in parameters]
        hooks: list[Any] = []
        try:
            for parameter in parameters:
                watched: Any = parameter.requires_grad_(True)
                hooks.append(watched.register_post_accumulate_grad_hook(self._add))
            yield
        finally:
            for hook in hooks:
                hook.remove()
            for parameter, wanted in zip(parameters, before, strict=True):
                parameter.requires_grad_(wanted)
                parameter.grad = None

    def add(
        self, ids: Sequence[int], key: str, labels: Labels = "sampled", samples: int = 1
    ) -> None:
        """Add the squared gradients of one document of at least 2 tokens; while `watching`.

        `key` decides what is drawn: the same key and probabilities give the same labels.
        """
        import torch

        tokens = torch.tensor([list(ids)], device=next(self.model.parameters()).device)
        logits = self.model(input_ids=tokens, use_cache=False).logits[0, :-1].float()
        log_p = logits.log_softmax(dim=-1)
        stream = torch.Generator().manual_seed(_number(key))
        for draw in range(samples):
            chosen = tokens[0, 1:] if labels == "text" else sample(log_p.detach(), stream)
            likelihood = log_p.gather(1, chosen.unsqueeze(1)).sum()
            likelihood.backward(retain_graph=draw + 1 < samples)
            self.gradients += 1

    def _add(self, parameter: "Tensor") -> None:
        assert parameter.grad is not None
        gradient = parameter.grad.float()
        self._by_id[id(parameter)].addcmul_(gradient, gradient)
        parameter.grad = None

    def means(self) -> "dict[str, Tensor]":
        """Return the mean square by live name; the sums are used up."""
        for total in self._by_id.values():
            total.div_(max(1, self.gradients))
        return self.sums


def sample(log_p: "Tensor", stream: "torch.Generator") -> "Tensor":
    """Draw one token a row of log-probabilities (rows, tokens).

    The uniform numbers come from a CPU stream, so that devices draw alike but for rounding.
    """
    import torch

    uniform = torch.rand(len(log_p), generator=stream, dtype=torch.float64)
    return token_at(log_p, uniform.to(log_p.device))


def token_at(log_p: "Tensor", uniform: "Tensor") -> "Tensor":
    """Return each row's token at which its summed probability passes a number in [0, 1)."""
    import torch

    summed = log_p.double().exp().cumsum(dim=1)
    # The first token whose sum is above the number: tokens of probability 0 are never drawn.
    wanted = uniform.unsqueeze(1) * summed[:, -1:]
    found = torch.searchsorted(summed, wanted, right=True).squeeze(1)
    return found.clamp_(max=log_p.shape[1] - 1)


def _number(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little") >> 1
