"""The models of a search space: headers opened, fit checked, no weights loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.layer_count import check_layers_fit, kinds_that_change, resized
from optimerge.checkpoint.names import with_one_naming
from optimerge.checkpoint.reference import local_folder, pinned, split_adapter
from optimerge.errors import RecipeError
from optimerge.merge.align import Aligner
from optimerge.merge.plan import MergePlan, make_plan
from optimerge.merge.rounding import Rounding, make_rounding
from optimerge.merge.statistics import Statistics, open_statistics
from optimerge.merge.vocabulary import Vocabulary, make_vocabulary
from optimerge.search.granularity import check_layer_groups, with_layer_groups
from optimerge.search.layers import check_layer_map, is_layer_map, resident_layers
from optimerge.search.named_parents import named_parents
from optimerge.search.start.known import Start
from optimerge.search.start.recipes import recipe_starts
from optimerge.space.labels import short_names
from optimerge.space.objectives import SparsityObjective
from optimerge.space.resolve import Edges
from optimerge.space.space import SearchSpace

KINDS = (
    "config.json gives a kind of attention to each place among the layers, so a layer that "
    "changes its place may attend otherwise than where it comes from"
)


@dataclass(frozen=True)
class Models:
    """The base model and its experts, opened (headers only)."""

    space: SearchSpace
    """The space that they are of, its layer groups known."""
    checkpoints: tuple[Checkpoint, ...]
    """Base first, then the experts in the space's order; references as the space gives them."""
    places: Mapping[str, str]
    """Where each reference leads from any folder: a folder's full path, a Hub name and commit."""
    vocabulary: Vocabulary | None = None
    """What the rows of the merges' embeddings stand for, where the space names a tokenizer."""
    notes: tuple[str, ...] = ()
    """What a person should know."""
    statistics: Statistics | None = None
    """Of the experts, where a method of the space needs them."""
    layers: tuple[int, int] | None = None
    """Where layers change places: fewest and most layers of all that is scored, parents too."""
    has_base: bool = True
    """Whether the first model is a base that the others come from; a layer map needs none."""
    rounding: Rounding | None = None
    """Where the space asks for int8 task vectors: what is kept so."""
    starts: tuple[Start, ...] = ()
    """Points of the recipes that the space says to start from."""
    layer_groups: Edges = field(default_factory=dict)
    """What each `layer_groups: auto` of the space has become."""

    @property
    def base(self) -> Checkpoint:
        """The base model; without one the first model, whose config and tokenizer are used."""
        return self.checkpoints[0]

    @property
    def base_reference(self) -> str | None:
        """The base's reference; None where the models of a layer map have none."""
        return self.base.reference if self.has_base else None

    @property
    def resident(self) -> Checkpoint:
        """Headers of the model that candidates are written into; see `resized`."""
        return resized(self.base, self.layers[1]) if self.layers else self.base

    @property
    def names(self) -> dict[str, str]:
        """Short name of every model by reference."""
        return short_names(c.reference for c in self.checkpoints)


def open_models(
    space: SearchSpace, known: Edges | None = None, *, trust_code: bool = False
) -> Models:
    """Open the headers of all models of a space and check that they fit together.

    Only for `layer_groups: auto` weights are read, unless the run knows the groups already.
    `trust_code`: whether Python of the models' own may run when they are loaded.
    """
    recipe = space.any_recipe
    check_base(space)
    opened = [open_checkpoint(r, space.folder, trust_code=trust_code) for r in space.references]
    checkpoints = tuple(with_one_naming(opened))
    by_reference = {c.reference: c for c in checkpoints}
    layers = _checked_layers(space, checkpoints)
    space, groups = with_layer_groups(space, checkpoints, known)
    vocabulary = make_vocabulary(recipe, by_reference, space.folder, exact=space.search.exact)
    places = {c.reference: _place(c, space.folder) for c in checkpoints}
    if vocabulary and vocabulary.owner and vocabulary.wanted.source not in places:
        source = vocabulary.wanted.source
        places[source] = _full(source, vocabulary.owner, space.folder)
    rounding = None
    if space.search.task_vectors == "int8":
        mode = "exact" if space.search.exact else "fast"
        rounding = make_rounding(recipe, by_reference, mode, space.file)
    depth = checkpoints[0].layers
    check_layer_groups(space, depth)
    names = short_names(by_reference)
    named_parents(space, space.measured, names, recipe.base_model)
    starts = recipe_starts(space, places, depth)
    plans = _corner_plans(space, by_reference)
    statistics = open_statistics(
        recipe, plans, by_reference, space.folder, aligned=vocabulary is not None, keep=True
    )
    notes = [note for plan in plans for note in statistics.notes(plan)] if statistics else []
    if layers and kinds_that_change(checkpoints[0]):
        notes.append(KINDS)
    if vocabulary is not None:
        _refuse_sparsity(space, vocabulary)
        aligner = Aligner(vocabulary)
        notes += [note for plan in plans for note in aligner.check(plan, space.file)]
    return Models(
        space,
        checkpoints,
        places,
        vocabulary,
        notes=tuple(dict.fromkeys(notes)),
        statistics=statistics,
        layers=layers,
        has_base=recipe.base_model is not None,
        rounding=rounding,
        starts=starts,
        layer_groups=groups,
    )


def _checked_layers(
    space: SearchSpace, checkpoints: tuple[Checkpoint, ...]
) -> tuple[int, int] | None:
    """Check that the models fit together; return `Models.layers`."""
    by_reference, recipe = {c.reference: c for c in checkpoints}, space.any_recipe
    if is_layer_map(space, by_reference):
        check_layer_map(space, by_reference)
        check_layers_fit(checkpoints, one_config=not recipe.base_model)
        return resident_layers(space, checkpoints)
    check_fit(checkpoints, vocabularies_differ=recipe.output_tokenizer is not None)
    return None


def _corner_plans(space: SearchSpace, by_reference: Mapping[str, Checkpoint]) -> list[MergePlan]:
    """Return the plans of every method at the corners of its ranges: all that may be needed.

    A method may refuse the numbers of one end (weights that sum to 0), and take those of the other.
    """
    return [plan for method in space.methods for plan in _plans_of(space, method, by_reference)]


def _plans_of(
    space: SearchSpace, method: str, by_reference: Mapping[str, Checkpoint]
) -> list[MergePlan]:
    depth = next(iter(by_reference.values())).layers

    def at(end: int) -> list[MergePlan]:
        corners = space.corners(method, end)
        return [make_plan(space.recipe(point, depth), by_reference) for point in corners]

    try:
        return at(0)
    except RecipeError as refused:
        try:
            return at(-1)
        except RecipeError:
            raise refused from None


def check_base(space: SearchSpace) -> None:
    """Raise RecipeError if a space that needs a base model names none."""
    if space.any_recipe.base_model or space.places:
        return
    if any(isinstance(spec, SparsityObjective) for spec in space.measured):
        raise RecipeError(f"{space.file}: sparsity needs a base; add `base_model: MODEL`")
    raise RecipeError(f"{space.file}: the key 'base_model' is missing; a search needs one")


def _refuse_sparsity(space: SearchSpace, vocabulary: Vocabulary) -> None:
    asked = any(isinstance(spec, SparsityObjective) for spec in space.measured)
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
    local = local_folder(reference, folder) is not None
    return str(path.resolve()) if local else pinned(reference, path)
