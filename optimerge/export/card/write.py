"""Writes the model card of a build, and the picture that it shows."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.folder import Checkpoint
from optimerge.export.as_mergekit import mergekit_builds
from optimerge.export.card.clean import clean_recipe
from optimerge.export.card.figure import NAME, draw_front
from optimerge.export.card.front_matter import CARD
from optimerge.export.card.licences import judge
from optimerge.export.card.metadata import metadata
from optimerge.export.card.parents import card_parents
from optimerge.export.card.scores import measured, trial_of
from optimerge.export.card.text import Facts, card_text
from optimerge.methods.registry import package_of_method
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import dump_yaml
from optimerge.records.run import Run
from optimerge.records.secrets import redacted_text

if TYPE_CHECKING:
    from optimerge.retest.tested import Results

PACKAGES = ("optimerge", "torch", "safetensors")
"""What the bytes of a build may depend on."""
CHANGED = (
    "This recipe is not, or not any more, what was scored in the run that it names: its numbers, "
    "seed or mode differ, so its scores are not known."
)


FILES = (CARD, NAME)
"""What a card is made of."""


@dataclass(frozen=True)
class Card:
    """A card, made before anything is written."""

    text: str
    picture: bytes | None = None
    """PNG."""
    notes: tuple[str, ...] = ()
    """What the person who builds should know at once."""

    def write(self, folder: Path) -> None:
        """Write README.md, and front.png if there is one, into a build's folder."""
        (folder / CARD).write_text(self.text, "utf-8")
        if self.picture is None:
            (folder / NAME).unlink(missing_ok=True)  # an older card's
        else:
            (folder / NAME).write_bytes(self.picture)


def make_card(
    name: str,
    recipe: Recipe,
    checkpoints: Mapping[str, Checkpoint],
    relative_to: Path,
    *,
    run: Run | None = None,
    results: "Results | None" = None,
) -> Card:
    """Return the card of a recipe's build; the same recipe, models, run, versions: the same card.

    Args:
        name: What it calls the model.
        recipe: As it is built; mode and seed stand in its block.
        checkpoints: Its models by reference.
        relative_to: What its references are relative to.
        run: The run that it names.
        results: What that run's retest found.
    """
    opened = list(checkpoints.values())
    parents, shown = card_parents(opened, relative_to)
    verdict = judge(parents)
    scores = measured(recipe, run, results)
    trial = trial_of(recipe, run) if run is not None else None
    picture = draw_front(run, trial) if run is not None and trial is not None else None
    facts = Facts(
        name=name,
        recipe=clean_recipe(recipe, shown),
        parents=parents,
        digests={shown[reference]: checkpoint_digest(c) for reference, c in checkpoints.items()},
        verdict=verdict,
        versions=_versions(recipe),
        scores=scores,
        figure=picture is not None,
        note=_note(recipe, run),
    )
    head = metadata(name, opened[0].architecture, parents, verdict, scores, mergekit_builds(recipe))
    text = redacted_text(f"---\n{dump_yaml(head)}---\n\n{card_text(facts)}")
    return Card(text, picture, (f"licence: {verdict.said}",) if verdict.differ else ())


def _versions(recipe: Recipe) -> dict[str, str]:
    """Return the versions of what built it, of a method's own package too."""
    found = {package: importlib.metadata.version(package) for package in PACKAGES}
    package = package_of_method(recipe.merge_method)
    return found if package is None else found | {package.name: package.version}


def _note(recipe: Recipe, run: Run | None) -> str:
    """Return why there are no scores, where there are none."""
    if recipe.block.run is None:
        return ""
    return CHANGED if run is not None else f"They stand in the run {recipe.block.run}."
