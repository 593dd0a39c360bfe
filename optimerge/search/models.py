"""The models of a search space: headers opened, fit checked, no weights loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.names import with_one_naming
from optimerge.checkpoint.reference import split_adapter
from optimerge.errors import RecipeError
from optimerge.merge.align import Aligner
from optimerge.merge.plan import make_plan
from optimerge.merge.vocabulary import Vocabulary, make_vocabulary
from optimerge.space.labels import short_names
from optimerge.space.objectives import SparsityObjective
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace


@dataclass(frozen=True)
class Models:
    """The base model and its experts, opened (headers only)."""

    checkpoints: tuple[Checkpoint, ...]
    """Base first, then the experts in the space's order; references as the space gives them."""
    places: Mapping[str, str]
    """Where each reference leads from any folder: a folder's full path, a Hub name as it is."""
    vocabulary: Vocabulary | None = None
    """What the rows of the merges' embeddings stand for, where the space names a tokenizer."""
    notes: tuple[str, ...] = ()
    """What a person should know."""

    @property
    def base(self) -> Checkpoint:
        """The base model."""
        return self.checkpoints[0]

    @property
    def names(self) -> dict[str, str]:
        """Short name of every model by reference."""
        return short_names(c.reference for c in self.checkpoints)


def open_models(space: SearchSpace) -> Models:
    """Open the headers of all models of a space and check that they fit together."""
    recipe = space.any_recipe
    if not recipe.base_model:
        if any(isinstance(spec, SparsityObjective) for spec in space.objectives):
            raise RecipeError(f"{space.file}: sparsity needs a base; add `base_model: MODEL`")
        raise RecipeError(f"{space.file}: the key 'base_model' is missing; a search needs one")
    opened = [open_checkpoint(r, space.folder) for r in recipe.references()]
    checkpoints = tuple(with_one_naming(opened))
    check_fit(checkpoints, vocabularies_differ=recipe.output_tokenizer is not None)
    by_reference = {c.reference: c for c in checkpoints}
    vocabulary = make_vocabulary(recipe, by_reference, space.folder, exact=space.search.exact)
    places = {c.reference: _place(c, space.folder) for c in checkpoints}
    if vocabulary and vocabulary.owner and vocabulary.wanted.source not in places:
        source = vocabulary.wanted.source
        places[source] = _full(source, vocabulary.owner, space.folder)
    models = Models(checkpoints, places, vocabulary)
    _check_layer_groups(space, models)
    plans = [
        make_plan(space.recipe(_lowest(space, method), models.base.layers), by_reference)
        for method in space.methods
    ]
    if vocabulary is None:
        return models
    _refuse_sparsity(space, vocabulary)
    aligner = Aligner(vocabulary)
    notes = [note for plan in plans for note in aligner.check(plan, space.file)]
    return replace(models, notes=tuple(dict.fromkeys(notes)))


def _refuse_sparsity(space: SearchSpace, vocabulary: Vocabulary) -> None:
    asked = any(isinstance(spec, SparsityObjective) for spec in space.objectives)
    if asked and (lacking := vocabulary.without_base):
        raise RecipeError(
            f"{space.file}: sparsity compares every row with the base's, and {len(lacking)} "
            f"tokens of the result (the first is {lacking[0]!r}) have no row in the base; use "
            "`tokenizer: {source: base}` without forced tokens, or leave the sparsity objective out"
        )


def _place(checkpoint: Checkpoint, folder: Path) -> str:
    model, adapter = split_adapter(checkpoint.reference, folder)
    place = _full(model, checkpoint.path, folder)
    if adapter is None or checkpoint.adapter is None:
        return place
    return f"{place}+{_full(adapter, checkpoint.adapter.path, folder)}"


def _full(reference: str, path: Path, folder: Path) -> str:
    name = Path(reference).expanduser()
    local = any((start / name).is_dir() for start in (folder, Path.cwd()))
    return str(path.resolve()) if local else reference


def _check_layer_groups(space: SearchSpace, models: Models) -> None:
    for dimension in space.dimensions:
        groups = dimension.range.layer_groups
        if groups and groups > models.base.layers:
            raise RecipeError(
                f"{space.file}: {dimension.name}: {groups} layer groups for "
                f"{models.base.layers} layers; give at most {models.base.layers}"
            )


def _lowest(space: SearchSpace, method: str) -> dict[str, Param]:
    point: dict[str, Param] = {d.name: d.range.ends[0] for d in space.active(method)}
    return {**point, "merge_method": method}
