"""Builds a recipe to a checkpoint, tensor by tensor: no model is held in memory whole."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.dtypes import TORCH_NAMES
from optimerge.checkpoint.fit import check_copied, check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.names import with_one_naming
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.tokenizer_write import write_chat_template
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError
from optimerge.export.resume import build_key, copied_names, slots_of
from optimerge.export.vocabulary import chat_template, write_vocabulary
from optimerge.merge.align import Aligner
from optimerge.merge.plan import InputTensor, make_plan
from optimerge.merge.tensor import (
    Mode,
    Selections,
    all_finite,
    merge_tensor,
    rounds_adapters,
    stream_state,
    torch_dtype,
)
from optimerge.merge.vocabulary import make_vocabulary
from optimerge.recipe.read import read_recipe
from optimerge.recipe.schema import Recipe

if TYPE_CHECKING:
    import torch

Progress = Callable[[int, int], None]
"""Told (tensors done, tensors in all)."""


@dataclass(frozen=True)
class Built:
    """What a build wrote."""

    directory: Path
    tensors: int
    parameters: int
    mode: Mode
    seed: int
    notes: tuple[str, ...] = ()
    """What a person should know, a sentence each."""


def build(
    recipe_file: Path,
    directory: Path,
    *,
    device: str = "cpu",
    seed: int | None = None,
    mode: Mode | None = None,
    allow_nan: bool = False,
    progress: Progress = lambda done, total: None,
) -> Built:
    """Build the recipe in `recipe_file` to a Hugging Face checkpoint in `directory`.

    `seed` and `mode` default to those of the recipe's `optimerge:` block, so that an exported
    recipe gives the tensors that were scored. Tensors that are not merged (`Checkpoint.copied`)
    are those of the first model, as they are. NaN and infinite weights, in a model or in the
    merge, are refused unless `allow_nan`.

    Nothing is left in `directory` if it fails; a build that was killed or interrupted goes on
    where it was when the same is built again.
    """
    recipe = read_recipe(recipe_file)
    checkpoints = _opened(recipe, recipe_file.parent)
    opened = list(checkpoints.values())
    donor = opened[0]
    plan = make_plan(recipe, checkpoints)
    vocabulary = make_vocabulary(recipe, checkpoints, recipe_file.parent)
    align = Aligner(vocabulary) if vocabulary else None
    notes = [note for c in opened if c.adapter for note in c.adapter.notes]
    notes += align.check(plan, recipe_file) if align else []
    template = chat_template(recipe, opened)
    selections = Selections(mode or recipe.block.mode, recipe.block.seed if seed is None else seed)
    copied = copied_names(donor, plan)
    slots = slots_of(plan, checkpoints, vocabulary, copied)
    key = build_key(plan, selections, checkpoints, vocabulary, device, allow_nan)
    with ExitStack() as stack:
        rounded = rounds_adapters(selections.mode, plan)
        readers = {
            reference: stack.enter_context(TensorReader(checkpoint, rounded=rounded))
            for reference, checkpoint in checkpoints.items()
        }

        def read(item: InputTensor) -> "torch.Tensor":
            tensor = readers[item.model].read(item.tensor, device)
            if not allow_nan and not all_finite(tensor):
                raise CheckpointError(
                    f"{item.model}: {item.tensor} holds NaN or infinite weights; use a sound "
                    "checkpoint of this model, or --allow-nan to merge it all the same"
                )
            return tensor

        writer = stack.enter_context(CheckpointWriter(directory, slots, key=key))
        progress(writer.done, len(slots))
        for part, select in selections(plan, writer.done, writer.state):
            merged = merge_tensor(part, torch_dtype(plan.dtype), read, select, align)
            result = merged.to(torch_dtype(TORCH_NAMES[slots[writer.done].dtype]))
            if not allow_nan and not all_finite(result):
                raise CheckpointError(
                    f"the merge gives NaN or infinite weights in {part.name}; nothing is "
                    "written (--allow-nan writes it all the same)"
                )
            writer.add(part.name, result)
            writer.mark(partial(stream_state, select))
            del merged, result  # or they would stay while the next tensors are read
            progress(writer.done, len(slots))
        for name in copied[writer.done - len(plan.tensors) :]:
            writer.add(name, readers[donor.reference].read(name))
            progress(writer.done, len(slots))
        copy_side_files(donor, writer.folder, dtype=plan.out_dtype, layers=plan.layers)
        if vocabulary:
            write_vocabulary(vocabulary, writer.folder)
        if template is not None:
            write_chat_template(writer.folder, template)
    return Built(
        directory=directory,
        tensors=len(slots),
        parameters=sum(prod(slot.shape) for slot in slots),
        mode=selections.mode,
        seed=selections.seed,
        notes=tuple(notes),
    )


def _opened(recipe: Recipe, folder: Path) -> dict[str, Checkpoint]:
    """Return the models of a recipe by reference, the donor of what is not merged first."""
    references = recipe.references()
    opened = with_one_naming([open_checkpoint(r, folder) for r in references])
    if recipe.merge_method != "passthrough":
        check_fit(opened, vocabularies_differ=recipe.output_tokenizer is not None)
        check_copied(opened)
    return dict(zip(references, opened, strict=True))
