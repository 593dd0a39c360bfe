"""Checks that the tensors which a plan brings together are there and fit, before any is read."""

from collections.abc import Mapping
from dataclasses import replace

from optimerge.checkpoint.architecture import (
    has_token_rows,
    is_head,
    is_token_embedding,
    layer_of,
    with_layer,
)
from optimerge.checkpoint.config import copied_config
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import shape_text
from optimerge.errors import CheckpointError
from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan

Shape = tuple[int, ...]


def check_sources(
    plan: MergePlan,
    checkpoints: Mapping[str, Checkpoint],
    donor: Checkpoint,
    *,
    vocabularies_differ: bool = False,
) -> None:
    """Raise CheckpointError unless every source exists, and what meets has one shape.

    Met are the sources of a tensor, and in the result the layers, which one config describes, and
    the tables of tokens. `donor`: whose config the result has; `vocabularies_differ`: the recipe
    names a tokenizer, to which tables of tokens are brought first.
    """
    kinds: dict[str, dict[Shape, tuple[str, set[str]]]] = {}
    for tensor in plan.tensors:
        shape = _shape(tensor, checkpoints, vocabularies_differ)
        kind = "tokens" if _is_table(tensor.name) else with_layer(tensor.name, 0)
        start = 1 if kind == "tokens" and vocabularies_differ else 0
        _, models = kinds.setdefault(kind, {}).setdefault(shape[start:], (tensor.name, set()))
        models.add(tensor.sources[0].model)
    for shapes in kinds.values():
        _refuse_other_sizes(shapes)
    names = [tensor.name for tensor in plan.tensors]
    if any(map(is_head, donor.merged)) and not any(map(is_head, names)):
        last = max((t for t in plan.tensors if layer_of(t.name) is None), key=lambda t: t.name)
        raise CheckpointError(
            f"the result has no output head: {last.sources[0].model!r} ties its own to its "
            f"token embedding, and {donor.reference!r}, whose config the result has, does not; "
            "take the last layers from a model with a head, or name one that ties as base_model"
        )


def _refuse_other_sizes(shapes: Mapping[Shape, tuple[str, set[str]]]) -> None:
    (shape, (name, models)), *others = shapes.items()
    for other, (other_name, other_models) in others:
        if models.isdisjoint(other_models):  # a model may have layers of several sizes
            raise CheckpointError(
                f"{name} of the result would be {shape_text(shape)} (from {min(models)!r}) and "
                f"{other_name} {shape_text(other)} (from {min(other_models)!r}), and no model has "
                "both; take layers, embeddings and head from models of one size"
            )


def with_head_of_its_own(donor: Checkpoint, plan: MergePlan) -> Checkpoint:
    """Return the donor with a config that does not tie, where the result has its own head."""
    if not donor.tied or not any(is_head(tensor.name) for tensor in plan.tensors):
        return donor
    config, places = copied_config(donor.config)
    for place in places:
        place["tie_word_embeddings"] = False
    return replace(donor, config=config)


def _is_table(name: str) -> bool:
    return is_token_embedding(name) or is_head(name)


def _shape(
    tensor: TensorPlan, checkpoints: Mapping[str, Checkpoint], vocabularies_differ: bool
) -> Shape:
    start = 1 if vocabularies_differ and has_token_rows(tensor.name) else 0
    first, *others = tensor.sources
    shape = _of(first, tensor, checkpoints)
    for source in others:
        other = _of(source, tensor, checkpoints)
        if other[start:] != shape[start:]:
            tables = has_token_rows(tensor.name) and other[1:] == shape[1:]
            remedy = (
                "vocabularies of different size; name the tokenizer of the result, "
                "`tokenizer: {source: base}`, or leave one of them out"
                if tables
                else "only tensors of one shape can be merged; leave one of the models out"
            )
            raise CheckpointError(
                f"{first.model!r} has {first.tensor} {shape_text(shape)}, {source.model!r} has "
                f"{source.tensor} {shape_text(other)}: {remedy}"
            )
    return shape


def _of(source: InputTensor, tensor: TensorPlan, checkpoints: Mapping[str, Checkpoint]) -> Shape:
    info = checkpoints[source.model].merged.get(source.tensor)
    if info is None:
        holder = next(s for s in tensor.sources if s.tensor in checkpoints[s.model].merged)
        raise CheckpointError(
            f"{holder.model!r} has {holder.tensor}, {source.model!r} has no {source.tensor}: only "
            "models with the same tensors can be merged; leave one of them out"
        )
    return info.shape
