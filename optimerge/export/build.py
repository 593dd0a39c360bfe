"""Builds a recipe to a checkpoint, tensor by tensor: no model is held in memory whole."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.sidefiles import SideFiles, copy_side_files
from optimerge.checkpoint.staging import check_free
from optimerge.checkpoint.tokenizer_write import write_chat_template
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.export.card.of_build import card_of_build
from optimerge.export.finished import finished_build, note_finished
from optimerge.export.merging import Merging
from optimerge.export.planned import PlannedBuild, plan_build
from optimerge.export.vocabulary import write_vocabulary
from optimerge.merge.tensor import Mode, stream_state
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
    planned = plan_build(recipe_file, seed, mode)
    key = planned.key(device, allow_nan=allow_nan)
    made, notes = None, planned.notes
    if card:
        called = name or Path(os.path.abspath(directory)).name
        recipe, models = planned.recipe, planned.checkpoints
        made = card_of_build(called, recipe, recipe_file, planned.selections, models, run, results)
        notes += made.notes
    built = Built(
        directory=directory,
        tensors=len(planned.slots),
        parameters=planned.parameters,
        mode=planned.selections.mode,
        seed=planned.selections.seed,
        notes=notes,
    )
    if finished is not None and finished.key == key:
        finished.renew(directory, made)
        return replace(built, reused=True)
    with CheckpointWriter(directory, planned.slots, key) as writer:
        if writer.note:
            remark(writer.note)
        with planned.merging(device, allow_nan=allow_nan) as merging:
            _write_tensors(planned, merging, writer, progress)
        with writer.disk():
            side = _write_side_files(planned, writer.folder)
            if made is not None:
                made.write(writer.folder)
            note_finished(writer.folder, key, planned.recipe.block.run or "")
    return replace(built, notes=(*built.notes, *side.notes))


def _write_tensors(
    planned: PlannedBuild, merging: Merging, writer: CheckpointWriter, progress: Progress
) -> None:
    """Merge and copy what the writer does not have yet."""
    plan, slots = planned.plan, planned.slots
    progress(writer.done, len(slots))
    for part, select in planned.selections(plan, writer.done, writer.state):
        # Bound to no name here, a tensor is gone when the next ones are read.
        dtype = slots[writer.done].torch_name
        writer.add(part.name, merging.merged(part, select, dtype), stream_state(select))
        progress(writer.done, len(slots))
    with TensorReader(planned.donor) as reader:
        for name in planned.copied[writer.done - len(plan.tensors) :]:
            writer.add(name, reader.read(name))
            progress(writer.done, len(slots))


def _write_side_files(planned: PlannedBuild, folder: Path) -> SideFiles:
    """Write configuration and tokenizer; return what was done with the donor's."""
    dtype, layers = planned.plan.out_dtype, planned.plan.layers
    side = copy_side_files(planned.donor, folder, dtype=dtype, layers=layers)
    if planned.vocabulary:
        write_vocabulary(planned.vocabulary, folder)
    if planned.template is not None:
        write_chat_template(folder, planned.template)
    return side
