"""The live memory that one checkpoint tensor is written to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Part:
    """A piece of a checkpoint tensor, and the live view (of the piece's shape) that holds it."""

    view: "Tensor"
    dim: int = 0
    start: int | None = None
    """Where the piece begins along `dim` of the checkpoint tensor; None: it is the whole."""

    def of(self, tensor: "Tensor") -> "Tensor":
        """Return this piece of a tensor shaped as the checkpoint's."""
        if self.start is None:
            return tensor
        return tensor.narrow(self.dim, self.start, self.view.shape[self.dim])


@dataclass(frozen=True)
class Target:
    """Where the live model holds one checkpoint tensor.

    One view in nearly all models: a parameter, or the part of a fused one (an expert of a
    mixture). More where transformers splits a checkpoint tensor into several parameters.
    """

    parts: tuple[Part, ...]
    owners: tuple[str, ...]
    """The live names of the parameters that the parts lie in."""

    def write(self, tensor: "Tensor") -> None:
        """Copy a tensor of the checkpoint's shape into the model, cast to its dtype."""
        for part in self.parts:
            part.view.copy_(part.of(tensor))

    def read(self) -> "Tensor":
        """Return what the model holds, in the checkpoint's shape: a view, or a copy if split."""
        import torch

        if len(self.parts) == 1:
            return self.parts[0].view
        first = self.parts[0]
        views = [part.view.to(first.view.device) for part in self.parts]
        return torch.cat(views, dim=first.dim)

    def whole(self, dtype: "torch.dtype") -> "Tensor | None":
        """Return the live memory if it can be written as one contiguous tensor of that dtype."""
        view = self.parts[0].view
        fits = len(self.parts) == 1 and view.is_contiguous() and view.dtype == dtype
        return view if fits else None

    @property
    def dtype(self) -> "torch.dtype":
        """The dtype of the live memory."""
        return self.parts[0].view.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what `read` returns."""
        shape = list(self.parts[0].view.shape)
        if len(self.parts) > 1:
            dim = self.parts[0].dim
            shape[dim] = sum(part.view.shape[dim] for part in self.parts)
        return tuple(shape)
