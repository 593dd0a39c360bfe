"""Builds a recipe to a checkpoint, tensor by tensor: no model is held in memory whole."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import layer_of
from optimerge.checkpoint.fit import check_copied, check_parts
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.names import with_one_naming
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.tokenizer_write import write_chat_template
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError
from optimerge.export.vocabulary import chat_template, write_vocabulary
from optimerge.merge.align import Aligner
from optimerge.merge.plan import InputTensor, MergePlan, make_plan
from optimerge.merge.sources import check_sources, with_head_of_its_own
from optimerge.merge.tensor import (
    Mode,
    Selections,
    all_finite,
    merge_tensor,
    rounds_adapters,
    torch_dtype,
)
from optimerge.merge.vocabulary import make_vocabulary
from optimerge.recipe.read import read_recipe

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
    """What a person should know."""


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
    recipe gives the tensors that were scored. Nothing is left in `directory` if it fails.
    Tensors that are not merged (`Checkpoint.copied`) are those of the first model, as they are.
    NaN and infinite weights, in a model or in the merge, are refused unless `allow_nan`.
    """
    recipe = read_recipe(recipe_file)
    references = recipe.references()
    opened = with_one_naming([open_checkpoint(r, recipe_file.parent) for r in references])
    checkpoints = dict(zip(references, opened, strict=True))
    check_parts(opened)
    if recipe.merge_method != "passthrough":
        check_copied(opened)
    plan = make_plan(recipe, checkpoints)
    tokenizer = recipe.output_tokenizer
    check_sources(plan, checkpoints, opened[0], vocabularies_differ=tokenizer is not None)
    exact = (mode or recipe.block.mode) == "exact"
    vocabulary = make_vocabulary(recipe, checkpoints, recipe_file.parent, exact=exact)
    align = Aligner(vocabulary) if vocabulary else None
    notes = align.check(plan, recipe_file) if align else []
    template = chat_template(recipe, opened)
    selections = Selections(mode or recipe.block.mode, recipe.block.seed if seed is None else seed)
    donor = with_head_of_its_own(opened[0], plan)
    copied = _copied_names(donor, plan)
    total, parameters = len(plan.tensors) + len(copied), 0
    with CheckpointWriter(directory) as writer:
        merged = _merged(plan, selections, checkpoints, device, align, allow_nan)
        for done, (name, tensor) in enumerate(chain(merged, _copied(donor, copied)), start=1):
            writer.add(name, tensor)
            parameters += tensor.numel()
            progress(done, total)
        copy_side_files(donor, writer.folder, dtype=plan.out_dtype, layers=plan.layers)
        if vocabulary:
            write_vocabulary(vocabulary, writer.folder)
        if template is not None:
            write_chat_template(writer.folder, template)
    return Built(directory, total, parameters, selections.mode, selections.seed, tuple(notes))


def _copied_names(donor: Checkpoint, plan: MergePlan) -> list[str]:
    """Return what is copied; of another number of layers nothing that belongs to a layer."""
    same = plan.layers == donor.layers
    return [name for name in donor.copied if same or layer_of(name) is None]


def _copied(donor: Checkpoint, names: list[str]) -> "Iterator[tuple[str, torch.Tensor]]":
    with TensorReader(donor) as reader:
        for name in names:
            yield name, reader.read(name)


def _merged(
    plan: MergePlan,
    selections: Selections,
    checkpoints: dict[str, Checkpoint],
    device: str,
    align: Aligner | None,
    allow_nan: bool,
) -> "Iterator[tuple[str, torch.Tensor]]":
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

        for tensor, select in selections(plan):
            merged = merge_tensor(tensor, torch_dtype(plan.dtype), read, select, align)
            out = torch_dtype(plan.out_dtype) or merged.dtype
            result = merged.to(out)
            if not allow_nan and not all_finite(result):
                raise CheckpointError(
                    f"the merge gives NaN or infinite weights in {tensor.name}; nothing is "
                    "written (--allow-nan writes it all the same)"
                )
            yield tensor.name, result
