"""Checks that models can be merged: same class, same tensors, same shapes, same heads."""

from collections.abc import Iterable, Sequence

from optimerge.checkpoint.architecture import (
    has_token_rows,
    is_head,
    is_token_embedding,
    layer_of,
)
from optimerge.checkpoint.config import setting
from optimerge.checkpoint.dtypes import FLOATS, TORCH_NAMES
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo, shape_text
from optimerge.checkpoint.same import same_bytes
from optimerge.errors import CheckpointError

_NAMED = 3
"""How many tensors a message names before it says how many more there are."""
_HEADS = (
    ("num_attention_heads", "n_head", "n_heads"),
    ("num_key_value_heads", "n_head_kv", "num_kv_heads"),
    ("head_dim",),
)


def check_parts(checkpoints: Sequence[Checkpoint]) -> None:
    """Raise CheckpointError unless parts of every model can stand in one model.

    For slices, which may take layers from models of any depth. That the tensors which meet have
    the same shapes is checked when it is planned which do: `optimerge.merge.sources`.
    """
    for checkpoint in checkpoints:
        _check_numbers(checkpoint)
        _check_layers_there(checkpoint)
    for other in checkpoints[1:]:
        _check_class(checkpoints[0], other)
        _check_heads(checkpoints[0], other)


def check_fit(checkpoints: Sequence[Checkpoint], *, vocabularies_differ: bool = False) -> None:
    """Raise CheckpointError unless every model can be merged with the first, tensor by tensor.

    `vocabularies_differ`: the recipe names a tokenizer, to which embeddings are brought first.

    Tensors that are copied from the first may be lacking in the others, but not differ: of large
    ones a part is compared here, `check_copied` compares all. Legal differences (rope, context
    length, number types) are told by `optimerge.checkpoint.differences`.
    """
    for checkpoint in checkpoints:
        _check_numbers(checkpoint)
        _check_layers_there(checkpoint)
    for other in checkpoints[1:]:
        first = checkpoints[0]
        _check_class(first, other)
        _check_layers(first, other)
        if not vocabularies_differ:
            _check_vocabulary(first, other)
        _check_names(first, other)
        _check_shapes(first, other, vocabularies_differ)
        _check_heads(first, other)
    check_copied(checkpoints, sample=True)


def check_copied(checkpoints: Sequence[Checkpoint], *, sample: bool = False) -> None:
    """Refuse models whose tensors outside the merge are not those of the first, byte for byte.

    `sample`: of large tensors compare 64 KiB only.
    """
    for other in checkpoints[1:]:
        first = checkpoints[0]
        for name, ours in first.copied.items():
            theirs = other.copied.get(name)
            if theirs is not None and not same_bytes(ours, theirs, sample=sample):
                raise CheckpointError(
                    f"{other.reference!r} has another {name} than {first.reference!r}: it is not "
                    "merged but copied from the base (only the decoder is merged), so it must be "
                    "the same in all models; leave one of them out, or copy the base's tensor"
                )


def _check_numbers(checkpoint: Checkpoint) -> None:
    name = checkpoint.reference
    quantised = checkpoint.config.get("quantization_config")
    if quantised:
        method = quantised.get("quant_method", "") if isinstance(quantised, dict) else quantised
        raise CheckpointError(
            f"{name!r} is quantised (quantization_config {str(method)!r} in its config.json); use "
            "the original weights, or dequantise the model, and remove that key"
        )
    for info in checkpoint.tensors.values():
        if not _usable(info):
            raise CheckpointError(
                f"{name!r} has {info.name} of type {TORCH_NAMES[info.dtype]}, which cannot be "
                "merged; use the model's original weights, or dequantise it to bfloat16"
            )


def _usable(info: TensorInfo) -> bool:
    """Whether a tensor is a float, or an integer buffer such as a causal mask, not a weight."""
    if info.dtype in FLOATS:
        return True
    weight = "weight" in info.name.rpartition(".")[2] and len(info.shape) > 1
    return info.dtype == "BOOL" or (info.dtype[0] in "IU" and not weight)


def _check_layers_there(checkpoint: Checkpoint) -> None:
    there = {layer_of(name) for name in checkpoint.merged}
    lacking = [n for n in range(checkpoint.layers) if n not in there]
    if lacking:
        raise CheckpointError(
            f"{checkpoint.reference!r} holds no tensor of layer {lacking[0]}, but its config.json "
            f"says {checkpoint.layers} layers; copy or download the model again"
        )


def _check_class(first: Checkpoint, other: Checkpoint) -> None:
    for key, ours, theirs in (
        ("model_type", first.model_type, other.model_type),
        ("architecture", first.architecture, other.architecture),
    ):
        if ours != theirs:
            raise CheckpointError(
                f"{first.reference!r} has the {key} {ours!r}, {other.reference!r} has {theirs!r}: "
                "only fine-tunes of one base can be merged; leave one of them out"
            )


def _check_layers(first: Checkpoint, other: Checkpoint) -> None:
    if first.layers != other.layers:
        raise CheckpointError(
            f"{first.reference!r} has {first.layers} layers, {other.reference!r} has "
            f"{other.layers}: only models of one depth can be merged layer by layer; leave one "
            "out, or name the layers of each with slices"
        )


def _check_vocabulary(first: Checkpoint, other: Checkpoint) -> None:
    # The embedding is named first: its number of rows is the vocabulary.
    tables = [*filter(is_token_embedding, first.merged), *filter(is_head, first.merged)]
    for name in tables:
        ours, theirs = first.merged[name], other.merged.get(name)
        if theirs is None:
            continue
        if ours.shape[:1] != theirs.shape[:1] and ours.shape[1:] == theirs.shape[1:]:
            raise CheckpointError(
                f"{_shapes(name, first, other, ours, theirs)}: vocabularies of different size; "
                "name the tokenizer of the result, `tokenizer: {source: base}`, or leave one of "
                "them out"
            )


def _check_names(first: Checkpoint, other: Checkpoint) -> None:
    for one, two in ((first, other), (other, first)):
        lacking = [name for name in one.merged if name not in two.merged]
        if lacking and all(map(is_head, lacking)):
            raise CheckpointError(
                f"{one.reference!r} has its own {lacking[0]}, {two.reference!r} ties its output "
                "head to the token embedding: one sees two tensors where the other has one; "
                f"untie {two.reference!r} (tie_word_embeddings false, the head saved too)"
            )
        if lacking:
            raise CheckpointError(
                f"{one.reference!r} has {first_few(lacking)}, {two.reference!r} has not: only "
                "models with the same tensors can be merged; leave one of them out"
            )


def _check_shapes(first: Checkpoint, other: Checkpoint, vocabularies_differ: bool) -> None:
    for name, ours in first.merged.items():
        theirs = other.merged[name]
        start = 1 if vocabularies_differ and has_token_rows(name) else 0
        if ours.shape[start:] != theirs.shape[start:]:
            raise CheckpointError(
                f"{_shapes(name, first, other, ours, theirs)}: only tensors of one shape can be "
                "merged; leave one of the models out"
            )


def _check_heads(first: Checkpoint, other: Checkpoint) -> None:
    """Refuse other heads in tensors of one shape: the same numbers would mean something else."""
    for keys in _HEADS:
        ours, theirs = setting(first.config, *keys), setting(other.config, *keys)
        if ours is not None and theirs is not None and ours != theirs:
            raise CheckpointError(
                f"{first.reference!r} has {keys[0]} {ours}, {other.reference!r} has {theirs} in "
                "its config.json: their attention weights have one shape but another meaning; "
                "leave one of them out"
            )


def _shapes(
    name: str, first: Checkpoint, other: Checkpoint, ours: TensorInfo, theirs: TensorInfo
) -> str:
    one, two = shape_text(ours.shape), shape_text(theirs.shape)
    return f"{first.reference!r} has {name} {one}, {other.reference!r} has {two}"


def first_few(names: Iterable[str]) -> str:
    """Return the first three names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more
