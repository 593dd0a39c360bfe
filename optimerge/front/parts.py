"""Which parents and which layers decide an objective: parameters' importance, added up."""

from collections.abc import Sequence
from dataclasses import dataclass

from optimerge.front.importance import Importance, Weight
from optimerge.space.labels import labels_of
from optimerge.space.layer_groups import group_of_each
from optimerge.space.ranges import Dimension
from optimerge.space.slices import is_structure
from optimerge.space.space import SearchSpace

SHARED, STRUCTURE, METHOD = "all models", "layers taken", "merge method"
"""What parameters that belong to no single parent are added up under."""


@dataclass(frozen=True)
class Parts:
    """An objective's importance by parent and by layer; each adds up what is known."""

    by_model: tuple[tuple[str, float], ...]
    """Parents, and what belongs to none, by what dimensions call them; the largest share first."""
    by_layer: tuple[float, ...]
    """By layer of the models; a parameter's share is split equally among its layers. Empty where
    the space gives all layers the same numbers, or moves them."""


def parts(importance: Importance, space: SearchSpace, layers: int) -> Parts:
    """Add up the shares of an objective's parameters by parent, and by layer.

    `space`: that of the run, its layer groups known; `layers` of its models.
    """
    known = {dimension.name: dimension for dimension in space.dimensions}
    pairs = [(known[w.parameter], w) for w in importance.weights if w.parameter in known]
    labels = labels_of(dict(space.template), space.ranges)
    models: dict[str, float] = {}
    for dimension, weight in pairs:
        owner = _owner(dimension, labels)
        models[owner] = models.get(owner, 0.0) + weight.share
    ordered = sorted(models.items(), key=lambda each: (-each[1], each[0]))
    return Parts(tuple(ordered), _by_layer(pairs, layers))


def _owner(dimension: Dimension, labels: dict[tuple[str | int, ...], str]) -> str:
    if dimension.site == ("merge_method",):
        return METHOD
    if is_structure(dimension.site):
        return STRUCTURE
    at = dimension.site.index("parameters")
    return labels.get(dimension.site[:at]) or SHARED


def _by_layer(pairs: Sequence[tuple[Dimension, Weight]], layers: int) -> tuple[float, ...]:
    grouped = any(dimension.group is not None for dimension, _ in pairs)
    if not grouped or any("slices" in dimension.site for dimension, _ in pairs):
        return ()
    shares = [0.0] * layers
    for dimension, weight in pairs:
        if "parameters" not in dimension.site:
            continue
        groups = group_of_each(dimension.range.layer_groups, layers)
        own = [n for n, g in enumerate(groups) if dimension.group is None or g == dimension.group]
        for layer in own:
            shares[layer] += weight.share / len(own)
    return tuple(shares)
