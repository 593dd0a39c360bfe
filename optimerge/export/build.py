"""Builds a recipe to a checkpoint, tensor by tensor: no model is held in memory whole."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.dtypes import TORCH_NAMES
from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError, RecipeError
from optimerge.export.resume import build_key, slots_of
from optimerge.merge.plan import InputTensor, MergePlan, make_plan
from optimerge.merge.tensor import (
    Mode,
    Selections,
    all_finite,
    merge_tensor,
    rounds_adapters,
    stream_state,
    torch_dtype,
)
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
    """What a person should know of the models, a sentence each."""


def build(
    recipe_file: Path,
    directory: Path,
    *,
    device: str = "cpu",
    seed: int | None = None,
    mode: Mode | None = None,
    progress: Progress = lambda done, total: None,
) -> Built:
    """Build the recipe in `recipe_file` to a Hugging Face checkpoint in `directory`.

    `seed` and `mode` default to those of the recipe's `optimerge:` block, so that an exported
    recipe gives the tensors that were scored. Nothing is left in `directory` if it fails; a build
    that was killed or interrupted goes on where it was when the same is built again.
    """
    recipe = read_recipe(recipe_file)
    _refuse_unbuilt(recipe, recipe_file)
    checkpoints = {r: open_checkpoint(r, recipe_file.parent) for r in recipe.references()}
    if recipe.merge_method != "passthrough":
        check_fit(list(checkpoints.values()))
    plan = make_plan(recipe, checkpoints)
    selections = Selections(mode or recipe.block.mode, recipe.block.seed if seed is None else seed)
    donor = checkpoints[recipe.references()[0]]
    slots = slots_of(plan, checkpoints)
    key = build_key(plan, selections, checkpoints, device)
    with CheckpointWriter(directory, slots, key=key) as writer:
        progress(writer.done, len(slots))
        for name, tensor, state in _merged(plan, selections, checkpoints, device, writer):
            writer.add(name, tensor)
            writer.mark(state)
            progress(writer.done, len(slots))
        copy_side_files(donor, writer.folder, dtype=plan.out_dtype, layers=plan.layers)
    return Built(
        directory=directory,
        tensors=len(slots),
        parameters=sum(prod(slot.shape) for slot in slots),
        mode=selections.mode,
        seed=selections.seed,
        notes=tuple(note for c in checkpoints.values() if c.adapter for note in c.adapter.notes),
    )


def _merged(
    plan: MergePlan,
    selections: Selections,
    checkpoints: dict[str, Checkpoint],
    device: str,
    writer: CheckpointWriter,
) -> "Iterator[tuple[str, torch.Tensor, Callable[[], str]]]":
    """Yield what is not written yet, and how to ask where the random stream stands behind it."""
    with ExitStack() as stack:
        rounded = rounds_adapters(selections.mode, plan)
        readers = {
            reference: stack.enter_context(TensorReader(checkpoint, rounded=rounded))
            for reference, checkpoint in checkpoints.items()
        }

        def read(item: InputTensor) -> "torch.Tensor":
            return readers[item.model].read(item.tensor, device)

        for tensor, select in selections(plan, writer.done, writer.state):
            merged = merge_tensor(tensor, torch_dtype(plan.dtype), read, select)
            result = merged.to(torch_dtype(TORCH_NAMES[writer.slots[writer.done].dtype]))
            if not all_finite(result):
                raise CheckpointError(
                    f"the merge gives NaN or infinite weights in {tensor.name}; nothing is written"
                )
            yield tensor.name, result, partial(stream_state, select)


def _refuse_unbuilt(recipe: Recipe, file: Path) -> None:
    source = recipe.tokenizer.source if recipe.tokenizer else recipe.tokenizer_source
    more = recipe.tokenizer and (recipe.tokenizer.tokens or recipe.tokenizer.pad_to_multiple_of)
    if more or source not in (None, "base"):
        raise RecipeError(
            f"{file}: tokenizer: only `source: base` is built here yet; "
            "use mergekit-yaml for other tokenizers"
        )
    if recipe.chat_template:
        raise RecipeError(
            f"{file}: chat_template is not written yet; leave it out, and the base model's is kept"
        )
