"""Builds a recipe to a checkpoint, tensor by tensor: no model is held in memory whole."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.fit import check_copied, check_parts
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.names import with_one_naming
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.staging import check_free
from optimerge.checkpoint.tokenizer_write import write_chat_template
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.export.card.of_build import card_of_build
from optimerge.export.finished import finished_build, note_finished
from optimerge.export.merging import Merging
from optimerge.export.package_notes import package_notes
from optimerge.export.resume import build_key
from optimerge.export.slots import copied_names, slots_of
from optimerge.export.vocabulary import chat_template, write_vocabulary
from optimerge.merge.align import Aligner
from optimerge.merge.plan import make_plan
from optimerge.merge.rounding import NOTE, make_rounding
from optimerge.merge.sources import check_sources, with_head_of_its_own
from optimerge.merge.statistics import open_statistics
from optimerge.merge.tensor import Mode, Selections, stream_state
from optimerge.merge.vocabulary import make_vocabulary
from optimerge.recipe.read import read_recipe
from optimerge.recipe.schema import Recipe
from optimerge.records.run import Run

if TYPE_CHECKING:
    from optimerge.retest.tested import Results

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
    reused: bool = False
    """Whether it was there already: nothing was merged."""


def build(
    recipe_file: str | Path,
    directory: str | Path,
    *,
    device: str = "cpu",
    seed: int | None = None,
    mode: Mode | None = None,
    allow_nan: bool = False,
    card: bool = True,
    run: Run | str | Path | None = None,
    results: "Results | None" = None,
    name: str | None = None,
    reuse: bool = False,
    progress: Progress = lambda done, total: None,
    remark: Callable[[str], None] = lambda text: None,
) -> Built:
    """Build the recipe in `recipe_file` to a Hugging Face checkpoint in `directory`.

    `seed` and `mode` default to those of the recipe's `optimerge:` block, so that an exported
    recipe gives the tensors that were scored. Tensors that are not merged (`Checkpoint.copied`)
    are those of the first model, as they are. NaN and infinite weights, in a model or in the
    merge, are refused unless `allow_nan`.

    `card`: whether to write a model card (README.md). It calls the model `name`, by default as
    `directory` is called, and has the scores of `run`, by default the one that the recipe names if
    it is the recipe's folder or runs/NAME; and those of its retest, if `results` are given.

    `reuse`: where `directory` is this very build already, leave it (but for its card).
    `directory` appears when all is in it. A build that was killed or interrupted, or that filled
    the disk, goes on where it was when the same is built again; `remark` is told so at once.
    """
    recipe_file, directory = Path(recipe_file), Path(directory)
    finished = finished_build(directory) if reuse else None
    if finished is None:
        check_free(directory)
    recipe = read_recipe(recipe_file)
    checkpoints = _opened(recipe, recipe_file.parent)
    opened = list(checkpoints.values())
    plan = make_plan(recipe, checkpoints)
    tokenizer = recipe.output_tokenizer
    check_sources(plan, checkpoints, opened[0], vocabularies_differ=tokenizer is not None)
    exact = (mode or recipe.block.mode) == "exact"
    vocabulary = make_vocabulary(recipe, checkpoints, recipe_file.parent, exact=exact)
    align = Aligner(vocabulary) if vocabulary else None
    notes = [note for c in opened if c.adapter for note in c.adapter.notes]
    notes += align.check(plan, recipe_file) if align else []
    notes += package_notes(recipe)
    statistics = open_statistics(
        recipe, [plan], checkpoints, recipe_file.parent, aligned=align is not None
    )
    notes += statistics.notes(plan) if statistics else []
    template = chat_template(recipe, opened)
    selections = Selections(mode or recipe.block.mode, recipe.block.seed if seed is None else seed)
    rounding = None
    if plan.in_steps:
        rounding = make_rounding(recipe, checkpoints, selections.mode, recipe_file)
        notes.append(NOTE)
    donor = with_head_of_its_own(opened[0], plan)
    copied = copied_names(donor, plan)
    slots = slots_of(plan, checkpoints, vocabulary, {name: donor.copied[name] for name in copied})
    key = build_key(plan, selections, checkpoints, vocabulary, statistics, device, allow_nan)
    made = None
    if card:
        called = name or Path(os.path.abspath(directory)).name
        made = card_of_build(called, recipe, recipe_file, selections, checkpoints, run, results)
        notes += made.notes
    built = Built(
        directory=directory,
        tensors=len(slots),
        parameters=sum(prod(slot.shape) for slot in slots),
        mode=selections.mode,
        seed=selections.seed,
        notes=tuple(notes),
    )
    if finished is not None and finished.key == key:
        finished.renew(directory, made)
        return replace(built, reused=True)
    with (
        CheckpointWriter(directory, slots, key) as writer,
        Merging(
            plan, checkpoints, selections, device, align, statistics, rounding, allow_nan
        ) as merging,
        TensorReader(donor) as reader,
    ):
        if writer.note:
            remark(writer.note)
        progress(writer.done, len(slots))
        for part, select in selections(plan, writer.done, writer.state):
            # Bound to no name here, a tensor is gone when the next ones are read.
            dtype = slots[writer.done].torch_name
            writer.add(part.name, merging.merged(part, select, dtype), stream_state(select))
            progress(writer.done, len(slots))
        for name in copied[writer.done - len(plan.tensors) :]:
            writer.add(name, reader.read(name))
            progress(writer.done, len(slots))
        with writer.disk():
            side = copy_side_files(donor, writer.folder, dtype=plan.out_dtype, layers=plan.layers)
            if vocabulary:
                write_vocabulary(vocabulary, writer.folder)
            if template is not None:
                write_chat_template(writer.folder, template)
            if made is not None:
                made.write(writer.folder)
            note_finished(writer.folder, key, recipe.block.run or "")
    return replace(built, notes=(*built.notes, *side.notes))


def _opened(recipe: Recipe, folder: Path) -> dict[str, Checkpoint]:
    """Return the models of a recipe by reference; the first gives what is not merged."""
    references = recipe.references()
    opened = with_one_naming([open_checkpoint(r, folder) for r in references])
    check_parts(opened)
    if recipe.merge_method != "passthrough":
        check_copied(opened)
    return dict(zip(references, opened, strict=True))
