"""The scores that a card shows: those on test items if there are any, else those of the search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from optimerge.errors import OptimergeError, RunError
from optimerge.export.recipe import exported
from optimerge.methods.registry import method_named
from optimerge.recipe.block import OptimergeBlock
from optimerge.recipe.read import parse_recipe, parse_yaml
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_data, with_references
from optimerge.records.run import Run, find_trial
from optimerge.records.types import Direction, Score, Trial
from optimerge.space.labels import short_names

if TYPE_CHECKING:
    from optimerge.retest.tested import Results, Tested


@dataclass(frozen=True)
class Row:
    """One model of the table."""

    name: str
    kind: Literal["this", "parent", "baseline"]
    scores: Mapping[str, Score]


@dataclass(frozen=True)
class Measured:
    """A table of scores."""

    items: Literal["search", "test"]
    rows: tuple[Row, ...]
    """This model first."""
    directions: Mapping[str, Direction]
    """The columns, in the run's order."""
    reported: frozenset[str] = frozenset()
    """The columns that were never searched on."""
    looks: int = 0
    """How often the test items were looked at, if that is known."""
    metrics: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Of the columns that are tasks: the lm-eval task and its metric, "" if that is not known."""

    @property
    def this(self) -> Mapping[str, Score]:
        """The scores of the model that the card is of."""
        return self.rows[0].scores


def measured(
    recipe: Recipe, run: Run | None = None, results: "Results | None" = None
) -> Measured | None:
    """Return the scores of a recipe: of its run's retest, its block, or its run's search.

    None if there are none, or the recipe is not (any more) what the run's trial was.
    """
    trial = trial_of(recipe, run) if run is not None else None
    if run is not None and trial is None:
        return None
    metrics = _metrics(run) if run is not None else {}
    if results is not None and trial is not None and (found := _tested(results, trial)):
        return _of_results(results, found, metrics)
    rows = _parents(run.trials()) if run is not None else ()
    if tested := _scores(recipe.block, test=True):
        return Measured("test", (Row("", "this", tested),), _directions(tested), metrics=metrics)
    own = trial.scores if trial is not None else _scores(recipe.block)
    if not own:
        return None
    return Measured("search", (Row("", "this", own), *rows), _directions(own), metrics=metrics)


def trial_of(recipe: Recipe, run: Run) -> Trial | None:
    """Return the trial of a run that a recipe is, by its block; None if it was changed since.

    Where the models lie does not matter, only what they are called.
    """
    block = recipe.block
    if block.trial is None or (block.run or run.name) != run.name:
        return None
    try:
        trial = find_trial(run, str(block.trial))
        scored = exported(parse_recipe(trial.recipe, f"trial {trial.name}"))
    except (RunError, OptimergeError):  # no such trial, or one that failed before it had a recipe
        return None
    same = _what_it_is(scored) == _what_it_is(recipe) and trial.state == "complete"
    return trial if same else None


def _what_it_is(recipe: Recipe) -> object:
    names, block = short_names(recipe.references()), recipe.block
    data = recipe_data(with_references(recipe.model_copy(update={"optimerge": None}), names))
    seed = block.seed if method_named(recipe.merge_method).stochastic else 0
    return data, block.mode, seed, block.task_vectors


def _of_results(
    results: "Results", this: "Tested", metrics: Mapping[str, tuple[str, str]]
) -> Measured:
    others = [each for each in results.tested if each.kind in ("parent", "baseline") and each.test]
    rows = [Row(each.name, _kind(each), each.test) for each in others if each.name != this.name]
    return Measured(
        items="test",
        rows=(Row("", "this", this.test), *rows),
        directions={**results.objectives, **results.reported},
        reported=frozenset(results.reported),
        looks=results.looks,
        metrics=metrics,
    )


def _kind(tested: "Tested") -> Literal["parent", "baseline"]:
    return "parent" if tested.kind == "parent" else "baseline"


def _tested(results: "Results", trial: Trial) -> "Tested | None":
    return next((t for t in results.tested if t.name == trial.name and t.test), None)


def _parents(trials: Sequence[Trial]) -> tuple[Row, ...]:
    done = (t for t in trials if t.is_parent and t.state == "complete")
    return tuple(Row(trial.name, "parent", trial.scores) for trial in done)


def _scores(block: OptimergeBlock, *, test: bool = False) -> dict[str, Score]:
    found = block.test_scores if test else block.scores
    return {
        name: Score(each.value, each.stderr, each.items, each.direction, 0.0)
        for name, each in found.items()
    }


def _directions(scores: Mapping[str, Score]) -> dict[str, Direction]:
    return {name: score.direction for name, score in scores.items()}


def _metrics(run: Run) -> dict[str, tuple[str, str]]:
    """Return task and metric of the run's tasks, by objective."""
    from optimerge.space.objectives import objective_name
    from optimerge.space.schema import BLOCKS, Blocks

    try:
        data = parse_yaml(run.info.space, run.info.space_file)
        specs = Blocks.model_validate({key: data[key] for key in BLOCKS if key in data}).objectives
    except (OptimergeError, ValueError):  # a run of another version: the names are shown alone
        return {}
    return dict(_tasks((objective_name(spec), spec) for spec in specs))


def _tasks(named: Iterable[tuple[str, object]]) -> Iterable[tuple[str, tuple[str, str]]]:
    from optimerge.space.objectives import TaskObjective

    for name, spec in named:
        if isinstance(spec, TaskObjective):
            yield name, (spec.task, (spec.metric or "").partition(",")[0])
