"""Gram matrices X'X of the inputs that linear layers see, by hooks on their forward passes.

Linear layers are `torch.nn.Linear` and transformers' `Conv1D` (GPT-2), which holds its weight
as inputs x outputs. Left out: weights that something else than a linear layer holds too (an
output head tied to the embeddings), and layers whose forward was never called, such as routers
that use their weight by themselves.

Jin et al., "Dataless Knowledge Fusion by Merging Weights of Language Models", 2023, section 3,
https://arxiv.org/abs/2212.09849
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass
class Gram:
    """One weight's matrix."""

    weight: "Tensor"
    total: "Tensor"
    """Sum over all rows seen, (n, n), float32."""
    axis: int
    """The dimension of the weight, of length n, that the inputs run along."""
    rows: int = 0


class GramSums:
    """Sums of X'X, one for each weight of linear layers."""

    def __init__(self, model: "torch.nn.Module") -> None:
        self.model = model
        found: dict[int, Gram] = {}
        others: set[int] = set()
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                axis = _axis(module) if name == "weight" else None
                if axis is None:
                    others.add(id(parameter))
                elif id(parameter) not in found:
                    found[id(parameter)] = Gram(parameter, _zeros(parameter, axis), axis)
        self._by_id = {key: gram for key, gram in found.items() if key not in others}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Add the inputs of every forward pass in this block."""
        hooks = [
            module.register_forward_pre_hook(self._hook(gram), with_kwargs=True)
            for module in self.model.modules()
            if _axis(module) is not None and (gram := self._by_id.get(id(module.weight)))
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def add(self, ids: Sequence[int]) -> None:
        """Run the model on one document; while `watching`."""
        import torch

        with torch.no_grad():
            tokens = torch.tensor([list(ids)], device=next(self.model.parameters()).device)
            self.model(input_ids=tokens, use_cache=False)

    def _hook(
        self, gram: Gram
    ) -> "Callable[[torch.nn.Module, tuple[Any, ...], dict[str, Any]], None]":
        def add(module: "torch.nn.Module", given: tuple[Any, ...], named: dict[str, Any]) -> None:
            del module
            x = (given or tuple(named.values()))[0].detach().reshape(-1, len(gram.total)).float()
            gram.total.addmm_(x.T, x)
            gram.rows += len(x)

        return add

    def of(self, live: "Tensor", view: "Tensor") -> tuple["Tensor", int] | None:
        """Return the matrix and its axis for `view`, a view of the parameter `live`.

        The view may hold all of a weight, or of a fused one some outputs, as they are or
        transposed; None if it is another part, or nothing was seen.
        """
        gram = self._by_id.get(id(live))
        if gram is None or not gram.rows or view.dim() != 2:
            return None
        strides, axis, width = gram.weight.stride(), gram.axis % 2, len(gram.total)
        if view.stride() == strides and view.shape[axis] == width:
            return gram.total, axis - 2
        if view.stride() == strides[::-1] and view.shape[1 - axis] == width:
            return gram.total, 1 - axis - 2
        return None


def _axis(module: "torch.nn.Module") -> int | None:
    """Return the dimension of a linear layer's weight that its inputs run along; None: no such."""
    import torch
    from transformers.pytorch_utils import Conv1D

    if isinstance(module, torch.nn.Linear):
        return -1
    return -2 if isinstance(module, Conv1D) else None


def _zeros(weight: "Tensor", axis: int) -> "Tensor":
    import torch

    return torch.zeros((weight.shape[axis],) * 2, dtype=torch.float32, device=weight.device)
