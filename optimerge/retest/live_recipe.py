"""A recipe, merged in memory to be scored: nothing is written to the disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.reference import local_folder, split_adapter
from optimerge.merge.engine import Engine
from optimerge.objectives.protocol import Candidate
from optimerge.recipe.read import read_recipe
from optimerge.recipe.schema import InputModel, Recipe
from optimerge.recipe.statistics import with_statistics
from optimerge.recipe.values import constants
from optimerge.recipe.write import recipe_data, with_references
from optimerge.search.models import Models, open_models
from optimerge.search.resident import load_resident
from optimerge.search.tokenizer import load_tokenizer
from optimerge.space.read import make_space
from optimerge.space.schema import BLOCKS
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class LiveRecipe:
    """An engine with a recipe's models, and those parents of the space that are looked at."""

    name: str
    recipe: Recipe
    """Its references lead somewhere from any folder."""
    models: Models
    engine: Engine
    tokenizer: "PreTrainedTokenizerBase"
    parents: Mapping[str, str]
    """The engine's reference of each parent, by its reference in the space."""
    unscored: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> "PreTrainedModel":
        """The resident model."""
        return self.engine.model

    def parent(self, reference: str) -> "PreTrainedModel":
        """Write a parent into the resident model, as a search does."""
        placed = self.parents[reference]
        copied = Recipe(merge_method="passthrough", models=[InputModel(model=placed)])
        if self.recipe.output_tokenizer is not None:
            copied = self._in_its_tokenizer(placed)
        block = self.recipe.block.model_copy(update={"statistics": {}, "task_vectors": None})
        out = self.recipe.out_dtype or self.models.base.dtype
        self.engine.apply(copied.model_copy(update={"out_dtype": out, "optimerge": block}))
        return self.engine.model

    def candidate(self) -> Candidate:
        """Merge the recipe into the resident model."""
        stats = self.engine.apply(self.recipe)
        return Candidate(self.engine.model, stats)

    def _in_its_tokenizer(self, placed: str) -> Recipe:
        models = [
            InputModel(
                model=c.reference, parameters=constants({"weight": float(c.reference == placed)})
            )
            for c in self.models.checkpoints
        ]
        base = self.models.base.reference
        copied = Recipe(merge_method="linear", base_model=base, models=models, dtype="float32")
        kept = ("tokenizer", "tokenizer_source")
        return copied.model_copy(update={key: getattr(self.recipe, key) for key in kept})


def open_live_recipe(
    file: Path,
    space: SearchSpace,
    *,
    device: str,
    parents: frozenset[str] = frozenset(),
    trust_code: bool = False,
) -> LiveRecipe:
    """Load a recipe's models and what merges them, to be scored on a space's objectives.

    Mode, seed and int8 task vectors are those of its `optimerge:` block. `parents`: the space's
    models that are looked at too, by reference. Differences are counted from the recipe's base or,
    if it names none, the space's.
    """
    recipe = _anywhere(read_recipe(file), file.parent)
    asked = _as_space(recipe, space)
    models = open_models(asked, trust_code=trust_code)
    by_path = {(c.path, c.adapter.path if c.adapter else None): c for c in models.checkpoints}
    placed = {}
    for reference in sorted(parents):
        opened = open_checkpoint(reference, space.folder, trust_code=trust_code)
        key = (opened.path, opened.adapter.path if opened.adapter else None)
        placed[reference] = by_path.setdefault(key, opened).reference
    models = replace(models, checkpoints=tuple(by_path.values()))
    engine = load_resident(
        models,
        asked,
        device,
        out_dtype=recipe.out_dtype or recipe.dtype,
        mode=recipe.block.mode,
        seed=recipe.block.seed,
    )
    return LiveRecipe(str(file), recipe, models, engine, load_tokenizer(models), placed)


def _as_space(recipe: Recipe, space: SearchSpace) -> SearchSpace:
    """Return a space whose only point is the recipe, with the other's settings and objectives."""
    blocks: dict[str, Any] = {key: space.data[key] for key in BLOCKS if key in space.data}
    blocks.pop("layer_map", None)
    data = {**recipe_data(recipe), **blocks}
    base = space.any_recipe.base_model
    if "base_model" not in data and base is not None:
        data["base_model"] = _anywhere_of(base, space.folder)
    # Those of its objectives that name parents ask for models that the recipe need not have.
    kinds = [dict(spec) for spec in blocks["objectives"]]
    data["objectives"] = [spec for spec in kinds if "drift" not in spec] or [
        {"parameters": "count"}
    ]
    settings = dict(blocks.get("search") or {})
    for key in ("warm_start", "task_vectors", "exact"):
        settings.pop(key, None)
    settings["exact"] = recipe.block.mode == "exact"
    settings["task_vectors"] = recipe.block.task_vectors or "full"
    data["search"] = settings
    return make_space(data, space.file)


def _anywhere(recipe: Recipe, folder: Path) -> Recipe:
    """Return the recipe with references, and folders of statistics, that hold from any folder."""
    places = {reference: _anywhere_of(reference, folder) for reference in recipe.references()}
    for source in (recipe.tokenizer_source, recipe.tokenizer and recipe.tokenizer.source):
        if source and source not in ("base", "union"):
            places[source] = _anywhere_of(source, folder)
    folders = {
        model: str((folder / given).resolve()) if (folder / given).is_dir() else given
        for model, given in recipe.block.statistics.items()
    }
    return with_references(with_statistics(recipe, places, folders), places)


def _anywhere_of(reference: str, folder: Path) -> str:
    """Return a folder's full path; a model of the Hub by its name."""
    model, adapter = split_adapter(reference, folder)
    parts = [model] if adapter is None else [model, adapter]
    return "+".join(str(local_folder(part, folder) or part) for part in parts)
