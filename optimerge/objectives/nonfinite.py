"""Says where a candidate's numbers stop being finite, for the message of a failed trial."""

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from optimerge.objectives.tokens.faults import first_bad_layer
from optimerge.objectives.tokens.request import Request

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

MOST = 8
"""Rows that are run again to find the layer: a forward each."""


def where_it_began(
    model: "PreTrainedModel", rows: Iterable[Sequence[int]], room: int | None = None
) -> str:
    """Name the layer, as ", not finite from 'model.layers.3.mlp' on", by the first bad row.

    "" if none of the first eight is bad, each run by itself, or the model is no decoder.
    """
    if model.config.is_encoder_decoder:
        return ""
    for row in islice(rows, MOST):
        # The last id is only predicted, never run: one is put after the row.
        request = Request(tuple(row), (0,))
        if bad := first_bad_layer(model, request, room or len(row)):
            return f", not finite from {bad!r} on"
    return ""


class Finite:
    """Notes on the way whether all logits are numbers: NaN would decode to some token.

    A logits processor of transformers. `eager`: stop at once, by NotFiniteError, where drawing
    from NaN would bring the whole device down; it waits for the device at every token.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self._eager = eager
        self._bad: Tensor | None = None

    def __call__(self, input_ids: "Tensor", scores: "Tensor") -> "Tensor":
        """Return the scores as they are. -inf is what a model's own settings forbid."""
        bad = (scores.isnan() | (scores == math.inf)).any()
        self._bad = bad if self._bad is None else self._bad | bad
        if self._eager and bool(bad):
            raise NotFiniteError
        return scores

    @property
    def finite(self) -> bool:
        """Whether no NaN and no infinity was seen; waits for the device."""
        return self._bad is None or not bool(self._bad)


class NotFiniteError(Exception):
    """Logits are NaN or infinite."""
