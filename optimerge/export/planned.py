"""All that a build needs and writes, known from headers before the first tensor is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from optimerge.checkpoint.fit import check_copied, check_parts
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.journal import Key
from optimerge.checkpoint.layout import Slot
from optimerge.checkpoint.names import with_one_naming
from optimerge.export.merging import Merging
from optimerge.export.package_notes import package_notes
from optimerge.export.resume import build_key
from optimerge.export.slots import copied_names, slots_of
from optimerge.export.vocabulary import chat_template
from optimerge.merge.align import Aligner
from optimerge.merge.plan import MergePlan, make_plan
from optimerge.merge.rounding import NOTE, Rounding, make_rounding
from optimerge.merge.sources import check_sources, with_head_of_its_own
from optimerge.merge.statistics import Statistics, open_statistics
from optimerge.merge.tensor import Mode, Selections
from optimerge.merge.vocabulary import Vocabulary, make_vocabulary
from optimerge.recipe.read import read_recipe
from optimerge.recipe.schema import Recipe


@dataclass(frozen=True)
class PlannedBuild:
    """A build of which nothing is done yet."""

    recipe: Recipe
    checkpoints: Mapping[str, Checkpoint]
    """By reference; the first gives what is not merged."""
    plan: MergePlan
    selections: Selections
    vocabulary: Vocabulary | None
    align: Aligner | None
    statistics: Statistics | None
    rounding: Rounding | None
    donor: Checkpoint
    """Gives what is not merged."""
    copied: list[str]
    """Names of the tensors that are taken over as they are."""
    slots: list[Slot]
    """What is written, in order."""
    template: str | None
    """The chat template; None: as the tokenizer has it."""
    notes: tuple[str, ...]
    """What a person should know, a sentence each."""

    @property
    def parameters(self) -> int:
        """Entries that are written."""
        return sum(prod(slot.shape) for slot in self.slots)

    def key(self, device: str, *, allow_nan: bool) -> Key:
        """Return what this build is told from another by: see `resume`."""
        return build_key(
            self.plan,
            self.selections,
            self.checkpoints,
            self.vocabulary,
            self.statistics,
            device,
            allow_nan,
        )

    def merging(self, device: str, *, allow_nan: bool) -> Merging:
        """Return what merges its tensors, its models not opened yet."""
        return Merging(
            self.plan,
            self.checkpoints,
            self.selections,
            device,
            self.align,
            self.statistics,
            self.rounding,
            allow_nan,
        )


def plan_build(file: Path, seed: int | None = None, mode: Mode | None = None) -> PlannedBuild:
    """Read a recipe and the headers of its models, and plan what `export.build.build` writes."""
    recipe = read_recipe(file)
    checkpoints = _opened(recipe, file.parent)
    opened = list(checkpoints.values())
    plan = make_plan(recipe, checkpoints)
    tokenizer = recipe.output_tokenizer
    check_sources(plan, checkpoints, opened[0], vocabularies_differ=tokenizer is not None)
    selections = Selections(mode or recipe.block.mode, recipe.block.seed if seed is None else seed)
    exact = selections.mode == "exact"
    vocabulary = make_vocabulary(recipe, checkpoints, file.parent, exact=exact)
    align = Aligner(vocabulary) if vocabulary else None
    notes = [note for c in opened if c.adapter for note in c.adapter.notes]
    notes += align.check(plan, file) if align else []
    notes += package_notes(recipe)
    statistics = open_statistics(
        recipe, [plan], checkpoints, file.parent, aligned=align is not None
    )
    notes += statistics.notes(plan) if statistics else []
    template = chat_template(recipe, opened)
    rounding = None
    if plan.in_steps:
        rounding = make_rounding(recipe, checkpoints, selections.mode, file)
        notes.append(NOTE)
    donor = with_head_of_its_own(opened[0], plan)
    copied = copied_names(donor, plan)
    infos = {name: donor.copied[name] for name in copied}
    return PlannedBuild(
        recipe=recipe,
        checkpoints=checkpoints,
        plan=plan,
        selections=selections,
        vocabulary=vocabulary,
        align=align,
        statistics=statistics,
        rounding=rounding,
        donor=donor,
        copied=copied,
        slots=slots_of(plan, checkpoints, vocabulary, infos),
        template=template,
        notes=tuple(notes),
    )


def _opened(recipe: Recipe, folder: Path) -> dict[str, Checkpoint]:
    references = recipe.references()
    opened = with_one_naming([open_checkpoint(r, folder) for r in references])
    check_parts(opened)
    if recipe.merge_method != "passthrough":
        check_copied(opened)
    return dict(zip(references, opened, strict=True))
