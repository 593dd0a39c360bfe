"""Models of another number of layers: what their config says, and what tensors they have."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optimerge.checkpoint.architecture import layer_of, with_layer
from optimerge.checkpoint.config import LAYERS, copied_config, decoder_config, setting
from optimerge.checkpoint.differences import settings_that_differ
from optimerge.checkpoint.fit import check_copied, check_fit
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo
from optimerge.errors import CheckpointError

_HARMLESS = frozenset(
    {*LAYERS, "layer_types", "max_position_embeddings"}
    | {f"{kind}_token_id" for kind in ("bos", "eos", "pad", "sep", "unk")}
)
"""Settings that may differ between the models of a layer map: none changes what a layer does."""


def layer_kinds(kinds: Sequence[str], layers: int) -> list[str] | None:
    """Return the kind of each layer in a model of another depth; None if nobody can know.

    The place decides, not where the layer comes from: a config.json says of the first layer, the
    second, ... what attention it has. Of fewer layers the first kinds stay; of more the pattern
    goes on, if there is one that is seen one and a half times.

    >>> layer_kinds(["sliding", "sliding", "full", "sliding", "sliding", "full"], 8)[6:]
    ['sliding', 'sliding']
    >>> layer_kinds(["sliding", "full"], 3) is None
    True
    """
    for period in range(1, 1 + len(kinds) * 2 // 3):
        if all(kind == kinds[n % period] for n, kind in enumerate(kinds)):
            return [kinds[n % period] for n in range(layers)]
    return list(kinds[:layers]) if layers <= len(kinds) else None


def with_layers(
    config: Mapping[str, Any], layers: int, name: str, kinds: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return a config.json's data for another number of layers; `name`: the model's, to complain.

    `kinds`: of each layer's attention, for a config that lists them; else `layer_kinds` of its
    own. CheckpointError if those of new layers are not known.
    """
    changed, places = copied_config(config)
    for place in places:
        for key in LAYERS:
            if key in place:
                place[key] = layers
        if isinstance(place.get("layer_types"), list):
            place["layer_types"] = _kinds(place["layer_types"], layers, name, kinds)
    if not any(key in place for place in places for key in LAYERS):
        places[-1][LAYERS[0]] = layers
    return changed


def _kinds(old: list[str], layers: int, name: str, given: Sequence[str] | None) -> list[str]:
    found = layer_kinds(old, layers) if given is None else list(given)
    if found is None or len(found) != layers:
        raise CheckpointError(
            f"config.json of {name!r} has layer_types for {len(old)} layers of {len(set(old))} "
            f"kinds without a pattern, and the new model has {layers} layers; keep the number of "
            "layers, or give the kind of each"
        )
    return found


def resized(checkpoint: Checkpoint, layers: int) -> Checkpoint:
    """Return the headers of the same model with another number of layers, all like its first.

    Of no use to read weights: new layers have the place in the file of the first one. Tensors of
    a layer that no merge computes are left out.
    """
    tensors: dict[str, TensorInfo] = {}
    for name, info in checkpoint.tensors.items():
        layer = layer_of(name)
        if layer is None:
            tensors[name] = info
        elif layer == 0 and name in checkpoint.merged:
            tensors |= {with_layer(name, n): info for n in range(layers)}
    config = with_layers(checkpoint.config, layers, checkpoint.reference)
    return replace(checkpoint, config=config, tensors=tensors)


def check_layers_fit(checkpoints: Sequence[Checkpoint], *, one_config: bool) -> None:
    """Raise CheckpointError unless any layer of any model can stand in any place.

    As `check_fit`, but for the number of layers, which may differ. `one_config`: also refuse
    settings of config.json that change what a layer computes, for recipes whose first model,
    whoever that is, gives the config.
    """
    first = checkpoints[0]
    for checkpoint in checkpoints:
        check_fit([checkpoint])
        _check_equal_layers(checkpoint)
    check_fit([resized(checkpoint, 1) for checkpoint in checkpoints])
    check_copied([resized(checkpoint, 1) for checkpoint in checkpoints], sample=True)
    for other in checkpoints[1:]:
        _check_kinds(first, other)
        found = set(settings_that_differ(first, other)) - _HARMLESS
        if one_config and found:
            raise CheckpointError(
                f"{first.reference!r} and {other.reference!r} have another {min(found)} in their "
                "config.json: a layer map has one config for all its layers, so they would not "
                "compute what they learned; leave one of the models out"
            )


def _check_equal_layers(checkpoint: Checkpoint) -> None:
    layers: dict[int, dict[str, tuple[int, ...]]] = {n: {} for n in range(checkpoint.layers)}
    for name, info in checkpoint.merged.items():
        layer = layer_of(name)
        if layer is not None:
            layers[layer][with_layer(name, 0)] = info.shape
    for layer, shapes in layers.items():
        if odd := [name for name in shapes | layers[0] if shapes.get(name) != layers[0].get(name)]:
            raise CheckpointError(
                f"{checkpoint.reference!r}: layer {layer} is built otherwise than layer 0 "
                f"({with_layer(odd[0], layer)}), so its layers cannot change places"
            )


def _check_kinds(first: Checkpoint, other: Checkpoint) -> None:
    """Refuse a model whose layers attend otherwise than the first model's in the same places."""
    ours, theirs = (setting(c.config, "layer_types") for c in (first, other))
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return
    if theirs != layer_kinds(ours, len(theirs)):
        raise CheckpointError(
            f"{first.reference!r} and {other.reference!r} have other layer_types in their "
            "config.json: the same layer would attend otherwise; leave one of them out"
        )


def kinds_that_change(checkpoint: Checkpoint) -> bool:
    """Whether a layer's attention depends on its place."""
    kinds = decoder_config(checkpoint.config).get("layer_types")
    return isinstance(kinds, list) and len(set(kinds)) > 1
