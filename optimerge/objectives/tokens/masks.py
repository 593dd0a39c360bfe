"""Ancestor masks: which tokens of a row see which, where the model asks for them."""

from typing import TYPE_CHECKING, Any

from optimerge.objectives.tokens.batches import Batch

if TYPE_CHECKING:
    import torch

FULL, SLIDING = "full_attention", "sliding_attention"


class CannotMask(Exception):  # noqa: N818 - a reason to step back, caught where plans are chosen
    """A model whose attention cannot be told what to see."""


class Masks:
    """Makes the 4-D masks of one model, from its configuration.

    transformers takes a 4-D mask as it is. So a window over the last w tokens must be in it, and
    counts positions (depths), not places in the row; a model that mixes kinds of layers takes a
    mask for each kind by name. Raises CannotMask for a model known not to take such masks.
    """

    def __init__(self, model: Any) -> None:
        config = model.config.get_text_config()
        if getattr(model.config, "is_encoder_decoder", False):
            raise CannotMask("it has an encoder")
        if getattr(model, "_is_stateful", False):
            raise CannotMask("it keeps a recurrent state")
        attention = getattr(config, "_attn_implementation", None)
        if attention not in ("sdpa", "eager"):
            raise CannotMask(f"attention {attention!r} takes no mask of its own")
        kinds = set(getattr(config, "layer_types", None) or ())
        window = getattr(config, "sliding_window", None)
        if other := kinds - {FULL, SLIDING}:
            raise CannotMask(f"it has layers of kind {sorted(other)[0]!r}")
        if getattr(config, "attention_chunk_size", None):
            raise CannotMask("its attention is cut into chunks")
        if SLIDING in kinds and not window:
            raise CannotMask("its windows have no length")
        if not kinds:
            kinds = {SLIDING} if window else {FULL}
        self._windows: dict[str, int | None] = {
            kind: window if kind == SLIDING else None for kind in sorted(kinds)
        }

    def make(self, batch: Batch, prefix: int, dtype: "torch.dtype") -> Any:
        """Return additive masks [B, 1, T, prefix + T] for a batch that follows a prefix."""
        masks = {kind: _mask(batch, prefix, w, dtype) for kind, w in self._windows.items()}
        return masks if len(masks) > 1 else masks.popitem()[1]


def _mask(batch: Batch, prefix: int, window: int | None, dtype: "torch.dtype") -> "torch.Tensor":
    import torch

    rows, length = batch.ids.shape
    node = torch.arange(length, device=batch.ids.device)
    seen = (node[:, None] >= node) & (node[:, None] < batch.ends[:, None, :])
    if prefix:
        seen = torch.cat([seen.new_ones(rows, length, prefix), seen], dim=-1)
    if window is not None:
        before = torch.arange(prefix, device=node.device).expand(rows, -1)
        keys = torch.cat([before, batch.depths], dim=-1)
        seen &= batch.depths[:, :, None] - keys[:, None, :] < window
    # Not -inf: a row of these alone would be NaN. So does transformers.
    hidden = torch.zeros(seen.shape, dtype=dtype, device=node.device)
    return hidden.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]
