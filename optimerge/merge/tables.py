"""The tensors of base and experts as they are after a merge brought them to one vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.merge.align import Aligner
from optimerge.merge.plan import TensorPlan
from optimerge.merge.steps import Key
from optimerge.merge.tensor import torch_dtype
from optimerge.merge.weights import Weights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Tables:
    """Tensors of single models; tables of tokens with the rows of the result."""

    models: Sequence[str]
    """References of all models, the base first."""
    align: Aligner | None
    """None: every model's own rows are those of the result."""
    compared: bool = True
    """Whether merges are compared with the base, which may not have all that they make."""
    _base: "dict[tuple[str, str | None], torch.Tensor]" = field(default_factory=dict)

    def keys(self, tensor: TensorPlan, dtype: str | None) -> tuple[Key, ...]:
        """Return what must be at hand to merge a tensor and to compare it with the base."""
        sources = [(source.model, source.tensor) for source in tensor.sources]
        known = self._aligned(tensor.name) and (tensor.name, dtype) in self._base
        if known or not self.compared:
            return tuple(dict.fromkeys(sources))
        return tuple(dict.fromkeys([*sources, *self.keys_of(self.models[0], tensor.name)]))

    def keys_of(self, reference: str, name: str) -> tuple[Key, ...]:
        """Return what must be at hand to `read` a tensor of a model."""
        models = self.models if self._aligned(name) else [reference]
        return tuple((model, name) for model in models)

    def base(self, held: Weights, name: str, dtype: str | None) -> "torch.Tensor":
        """Return the base's tensor with the result's rows, made once. `dtype`: as in `read`."""
        own = held.read(self.models[0], name) if (self.models[0], name) in held.dense else None
        key = name, dtype
        if own is not None and not self._aligned(name):
            return own
        if key not in self._base:
            made = self.read(held, self.models[0], name, dtype)
            if own is not None and made.data_ptr() == own.data_ptr():
                return own  # it may be gone with the next tensor: not to be kept
            self._base[key] = made
        return self._base[key]

    def read(
        self, held: Weights, reference: str, name: str, dtype: str | None = None
    ) -> "torch.Tensor":
        """Return a model's tensor with the result's rows, as in a merge of all models.

        `dtype`: the math dtype of that merge, in which the means for padding rows are taken.
        """
        own = held.read(reference, name)
        if self.align is None or not has_token_rows(name):
            return own
        math = torch_dtype(dtype) or own.dtype
        tables = [held.read(model, name).to(math) for model in self.models]
        aligned = self.align.tables(self.models, self.models[0], tables)
        return aligned[self.models.index(reference)].to(own.dtype)

    def _aligned(self, name: str) -> bool:
        return self.align is not None and has_token_rows(name)
