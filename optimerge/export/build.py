"""Builds a recipe to a checkpoint, tensor by tensor: no model is held in memory whole."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.tokenizer_write import write_chat_template
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError
from optimerge.export.vocabulary import chat_template, write_vocabulary
from optimerge.merge.align import Aligner
from optimerge.merge.plan import InputTensor, MergePlan, make_plan
from optimerge.merge.tensor import Mode, Selections, merge_tensor, torch_dtype
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
    progress: Progress = lambda done, total: None,
) -> Built:
    """Build the recipe in `recipe_file` to a Hugging Face checkpoint in `directory`.

    `seed` and `mode` default to those of the recipe's `optimerge:` block, so that an exported
    recipe gives the tensors that were scored. Nothing is left in `directory` if it fails.
    """
    recipe = read_recipe(recipe_file)
    checkpoints = {r: open_checkpoint(r, recipe_file.parent) for r in recipe.references()}
    if recipe.merge_method != "passthrough":
        differ = recipe.output_tokenizer is not None
        check_fit(list(checkpoints.values()), vocabularies_differ=differ)
    plan = make_plan(recipe, checkpoints)
    vocabulary = make_vocabulary(recipe, checkpoints, recipe_file.parent)
    align = Aligner(vocabulary) if vocabulary else None
    notes = align.check(plan, recipe_file) if align else []
    template = chat_template(recipe, list(checkpoints.values()))
    selections = Selections(mode or recipe.block.mode, recipe.block.seed if seed is None else seed)
    donor = checkpoints[recipe.references()[0]]
    parameters = 0
    with CheckpointWriter(directory) as writer:
        merged = _merged(plan, selections, checkpoints, device, align)
        for done, (name, tensor) in enumerate(merged, start=1):
            writer.add(name, tensor)
            parameters += tensor.numel()
            progress(done, len(plan.tensors))
        copy_side_files(donor, writer.folder, dtype=plan.out_dtype, layers=plan.layers)
        if vocabulary:
            write_vocabulary(vocabulary, writer.folder)
        if template is not None:
            write_chat_template(writer.folder, template)
    return Built(
        directory, len(plan.tensors), parameters, selections.mode, selections.seed, tuple(notes)
    )


def _merged(
    plan: MergePlan,
    selections: Selections,
    checkpoints: dict[str, Checkpoint],
    device: str,
    align: Aligner | None,
) -> "Iterator[tuple[str, torch.Tensor]]":
    with ExitStack() as stack:
        readers = {r: stack.enter_context(TensorReader(c)) for r, c in checkpoints.items()}

        def read(item: InputTensor) -> "torch.Tensor":
            return readers[item.model].read(item.tensor, device)

        for tensor, select in selections(plan):
            merged = merge_tensor(tensor, torch_dtype(plan.dtype), read, select, align)
            out = torch_dtype(plan.out_dtype) or merged.dtype
            result = merged.to(out)
            if not bool(result.isfinite().all()):
                raise CheckpointError(
                    f"the merge gives NaN or infinite weights in {tensor.name}; nothing is written"
                )
            yield tensor.name, result
