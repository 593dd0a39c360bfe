"""Finds the live memory of every checkpoint tensor, and proves it by the base's own weights."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import CheckpointError
from optimerge.merge.conversion import Group, groups, live_names, targets_of
from optimerge.merge.steps import Key
from optimerge.merge.target import Target
from optimerge.merge.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def find_targets(
    model: "PreTrainedModel", base: Checkpoint, vocabulary: Vocabulary | None = None
) -> dict[str, Target]:
    """Return where the live model holds each merged tensor of its checkpoint; ties stay ties.

    A tensor that the model does not use (a reward head in the file of a language model) has no
    target and may be ignored. CheckpointError if a weight of the model would not be written, or
    by two tensors. Works on a model without memory (on the meta device) too.

    `vocabulary`: the one that the model's embeddings were resized to, if they were.
    """
    live = {name: t.detach() for name, t in model.state_dict(keep_vars=True).items()}
    shapes = {
        name: vocabulary.shape(name, info.shape) if vocabulary else info.shape
        for name, info in base.merged.items()
    }
    found: dict[str, Target] = {}
    for group in groups(model, base.merged):
        targets = targets_of(group, shapes, live)
        for name in (name for names in group.names.values() for name in names):
            target = targets.get(name)
            if target is not None and target.shape == shapes[name]:
                found[name] = target
            elif any(name in live for name in live_names(group)):
                raise _no_place(base, name, group)
    held = {name for group in groups(model, base.copied) for name in live_names(group)}
    _check_cover(model, base, found, held)
    return found


def verify_targets(
    targets: Mapping[str, Target], base: Checkpoint, weights: "Mapping[Key, Tensor]"
) -> None:
    """Refuse a mapping under which a model just loaded does not hold its own weights, bit for bit.

    `weights`: tensors by (reference, name). CheckpointError names the first tensor that differs.
    Of tables that were resized, the rows that stayed are compared.
    """
    for name, target in targets.items():
        live = target.read()
        if live.is_meta:
            raise CheckpointError(
                f"{base.reference}: {name} is offloaded (on the meta device), so a merge could "
                "not be written to it; use a device that holds the whole model"
            )
        own = weights[base.reference, name]
        if has_token_rows(name) and live.shape[1:] == own.shape[1:]:
            rows = min(len(live), len(own))
            live, own = live[:rows], own[:rows]
        if not _same_bits(live, own.to(live.dtype)):
            raise CheckpointError(
                f"{base.reference}: {name} is not found in the loaded {base.architecture} (the "
                "model computes with other numbers than the file holds), so it cannot be merged "
                "in place; `optimerge build` can merge it"
            )


def _same_bits(one: "Tensor", other: "Tensor") -> bool:
    import torch

    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
    return torch.equal(one.contiguous().view(whole), other.contiguous().view(whole))


def _check_cover(
    model: "PreTrainedModel", base: Checkpoint, targets: Mapping[str, Target], held: set[str]
) -> None:
    """Refuse unless every parameter is written once: by merged tensors, or copied whole."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    written: Counter[int] = Counter()
    writers: dict[int, list[str]] = {}
    for name, target in targets.items():
        for part, owner in zip(target.parts, target.owners, strict=True):
            if owner in parameters:
                written[id(parameters[owner])] += part.view.numel()
                writers.setdefault(id(parameters[owner]), []).append(name)
    held_ids = {id(parameters[name]) for name in held & parameters.keys()}
    never_stored = [re.compile(p) for p in model._keys_to_ignore_on_load_missing or ()]
    for name, parameter in parameters.items():
        count = written[id(parameter)]
        if count > parameter.numel():
            one, two = sorted(writers[id(parameter)])[:2]
            raise CheckpointError(
                f"{base.reference} holds {one} and {two}, which are one tensor in a "
                f"{base.architecture}; save the model again with transformers, so that its files "
                "and tie_word_embeddings in its config.json agree"
            )
        stored = count == parameter.numel() or id(parameter) in held_ids
        if not stored and not any(pattern.search(name) for pattern in never_stored):
            raise CheckpointError(
                f"{base.reference} does not hold {name}, which a {base.architecture} needs: it "
                "would be random; save the whole model again with transformers"
            )


def _no_place(base: Checkpoint, name: str, group: Group) -> CheckpointError:
    import transformers

    how = f" ({group.steps})" if group.converter else ""
    return CheckpointError(
        f"{base.reference}: {name} does not load under its own name and shape in "
        f"{base.architecture} (transformers {transformers.__version__} makes {group.live} of "
        f"it{how}), so it cannot be merged in place; `optimerge build` can merge it"
    )
