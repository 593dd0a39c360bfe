"""Lists what differs between models that may all the same be merged."""

from collections.abc import Mapping, Sequence
from typing import Any

from optimerge.checkpoint.config import INNER, decoder_config
from optimerge.checkpoint.folder import Checkpoint

_NO_MATTER = frozenset(
    {
        *("_name_or_path", "name_or_path", "transformers_version", "use_cache", "auto_map"),
        *("dtype", "torch_dtype", "architectures", "model_type", "unsloth_version"),
        *("attention_dropout", "dropout", "hidden_dropout", "initializer_range"),
        *("rope_theta", "rope_scaling", "rope_parameters", "_attn_implementation_autoset"),
        *INNER,
    }
)


def differences(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Return one sentence for each legal difference from the first model; [] if there is none.

    Said are: number types, settings of config.json that change what a model computes (rope,
    context length, special tokens, …), in the order of the models. The merge takes the config of
    one model, so each sentence names something that the others lose. Last come the notes of LoRA
    adapters.
    """
    notes: list[str] = []
    for other in checkpoints[1:]:
        notes += _notes(checkpoints[0], other)
    for checkpoint in checkpoints:
        notes += checkpoint.adapter.notes if checkpoint.adapter else ()
    return notes


def settings_that_differ(first: Checkpoint, other: Checkpoint) -> list[str]:
    """Return the keys of config.json that change what a model computes and differ; rope first.

    A key that one file leaves out has the default of its class, which is not known here.
    """
    ours, theirs = _flat(first.config), _flat(other.config)
    found = [] if rope(first.config) == rope(other.config) else ["rope"]
    keys = sorted((ours.keys() & theirs.keys()) - _NO_MATTER)
    return [*found, *(key for key in keys if ours[key] != theirs[key])]


def _notes(first: Checkpoint, other: Checkpoint) -> list[str]:
    found = []
    if first.dtype != other.dtype:
        found.append(_note(first, other, "weights of type", first.dtype, other.dtype))
    ours, theirs = ({**_flat(c.config), "rope": rope(c.config)} for c in (first, other))
    keys = settings_that_differ(first, other)
    return [*found, *(_note(first, other, key, ours[key], theirs[key]) for key in keys)]


def _note(first: Checkpoint, other: Checkpoint, what: str, ours: object, theirs: object) -> str:
    return f"{first.reference!r} has {what} {ours}, {other.reference!r} has {theirs}"


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, **decoder_config(config)}


def rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of rotary positions, written alike for old and new transformers.

    Before version 5 they stood in `rope_theta` and `rope_scaling`, since then in
    `rope_parameters`; the kind of no scaling is written "default", null or not at all.
    """
    settings = _flat(config)
    found: dict[str, Any] = {}
    for key in ("rope_scaling", "rope_parameters"):
        if isinstance(settings.get(key), Mapping):
            found |= settings[key]
    if settings.get("rope_theta") is not None:
        found["rope_theta"] = settings["rope_theta"]
    if "type" in found:
        found.setdefault("rope_type", found["type"])
        del found["type"]
    if found.get("rope_type") == "default":
        del found["rope_type"]
    return {key: found[key] for key in sorted(found) if found[key] is not None}
