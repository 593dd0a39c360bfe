"""The block `layer_map:`: which blocks of layers of several models follow each other.

The data-flow space of Akiba et al., "Evolutionary Optimization of Model Merging Recipes", 2024,
https://arxiv.org/abs/2403.13187, section 3.2: the layers of all models stand in a row, the row is
repeated, and every place is in or out. Without their scaling of what flows from layer to layer,
which no mergekit recipe can say. Unlike theirs the first block is always in: it feeds on the
first model's embeddings, and a map without any layer is no model.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from optimerge.space.layer_groups import MOST_LAYERS

Positive = Annotated[int, Field(ge=1, le=MOST_LAYERS)]


class LayerMap(BaseModel):
    """`{models: [a, b], layers: 32, blocks: 8, repeats: 2}`: 2 x 2 x 8 places of 4 layers each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    """Models whose layers are laid out in a row, in this order."""
    layers: Positive
    """Layers of each model."""
    blocks: Positive | None = None
    """Equal parts that each model is cut into; default: one a layer."""
    repeats: Positive = 1
    """How often the row of all models' blocks is run through."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.models)) < len(self.models):
            raise ValueError("a model is given twice; use repeats")
        if len(self.models) * self.repeats * self.layers > MOST_LAYERS:
            raise ValueError(f"all models' layers, repeated, are more than {MOST_LAYERS}")
        if self.blocks is not None and self.blocks > self.layers:
            raise ValueError(f"{self.blocks} blocks of {self.layers} layers; give at most as many")
        return self

    def slices(self) -> list[dict[str, Any]]:
        """Return the slices of a passthrough recipe, each but the first with a range to use it.

        >>> LayerMap(models=("a", "b"), layers=4, blocks=1).slices()[1]["sources"]
        [{'model': 'b', 'layer_range': [0, 4]}]
        """
        blocks = self.blocks or self.layers
        bounds = [k * self.layers // blocks for k in range(blocks + 1)]
        found: list[dict[str, Any]] = [
            {
                "sources": [{"model": model, "layer_range": [start, end]}],
                "use": {"choices": [True, False]},
            }
            for _ in range(self.repeats)
            for model in self.models
            for start, end in pairwise(bounds)
        ]
        del found[0]["use"]
        return found


def joined(slices: list[Any]) -> list[Any]:
    """Return a map's slices with neighbours that go on in the same model as one slice."""
    found: list[Any] = []
    for part in slices:
        if found and _follows(found[-1], part):
            last = found[-1]["sources"][0]
            last["layer_range"] = [last["layer_range"][0], part["sources"][0]["layer_range"][1]]
        else:
            found.append(part)
    return found


def _follows(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    (first,), (second,) = one["sources"], two["sources"]
    same = first["model"] == second["model"]
    return bool(same and first["layer_range"][1] == second["layer_range"][0])
