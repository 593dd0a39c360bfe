"""The tensors of base and experts as they are after a merge brought them to one vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.merge.align import Aligner
from optimerge.merge.tensor import torch_dtype
from optimerge.merge.weights import Weights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Tables:
    """Reads tensors of single models; tables of tokens with the rows of the result."""

    weights: Weights
    models: Sequence[str]
    """References of all models, the base first."""
    align: Aligner | None
    """None: every model's own rows are those of the result."""
    _base: "dict[tuple[str, str | None], torch.Tensor]" = field(default_factory=dict)

    def base(self, name: str, dtype: str | None) -> "torch.Tensor":
        """Return the base's tensor with the result's rows, made once. `dtype`: as in `read`."""
        if self.align is None or not has_token_rows(name):
            return self.weights.read(self.models[0], name)
        key = name, dtype
        if key not in self._base:
            self._base[key] = self.read(self.models[0], name, dtype)
        return self._base[key]

    def read(self, reference: str, name: str, dtype: str | None = None) -> "torch.Tensor":
        """Return a model's tensor with the result's rows, as in a merge of all models.

        `dtype`: the math dtype of that merge, in which the means for padding rows are taken.
        """
        own = self.weights.read(reference, name)
        if self.align is None or not has_token_rows(name):
            return own
        math = torch_dtype(dtype) or own.dtype
        tables = [self.weights.read(model, name).to(math) for model in self.models]
        aligned = self.align.tables(self.models, self.models[0], tables)
        return aligned[self.models.index(reference)].to(own.dtype)
