"""Test documents for tasks whose space keeps none: some that the search does not score on."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from optimerge.objectives.evaluation import Evaluation
from optimerge.objectives.examples import contents
from optimerge.objectives.groups import GroupScorer
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.protocol import Objective
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.tasks import Which
from optimerge.space.objectives import ObjectiveSpec, TaskObjective, objective_name

Searched = Mapping[str, set[str]]
"""How the documents read that a search scores on, by task."""
Make = Callable[[Sequence[ObjectiveSpec], Which, Searched | None], Sequence[Objective]]
"""Builds objectives on some items; what is searched on is kept out of them."""


def with_unseen(
    specs: Sequence[ObjectiveSpec], make: Make, test_items: int | None
) -> list[Objective]:
    """Build objectives on test items, in their order.

    `test_items`: how many documents to draw for each task that the space keeps none for, by
    itself; None: there is no such task (TaskError if there is).
    """
    lacking: Mapping[str, OnTasks] = {}
    searched: Searched | None = None
    if test_items is not None:
        tasks = [spec for spec in specs if isinstance(spec, TaskObjective)]
        on_search = Evaluation(make(tasks, "search", None))
        lacking, searched = without_test_items(on_search), searched_by(on_search)
    made: dict[str, Objective] = {}
    for spec in specs:
        if objective_name(spec) in lacking and isinstance(spec, TaskObjective):
            drawn = spec.model_copy(update={"test_items": test_items})
            made |= {each.name: each for each in make([drawn], "test", searched)}
    own = [spec for spec in specs if objective_name(spec) not in made]
    made |= {each.name: each for each in make(own, "test", None)}
    return [made[objective_name(spec)] for spec in specs]


def searched_by(evaluation: Evaluation) -> dict[str, set[str]]:
    """Return how the documents read that a search scores on, by task."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in evaluation.on_tasks:
        for scorer in members(each):
            found[scorer.run.name] |= contents(scorer.run.task, scorer.items.search)
    return dict(found)


def without_test_items(evaluation: Evaluation) -> dict[str, OnTasks]:
    """Return the objectives with a task that has no test items, by name."""
    return {
        each.name: each
        for each in evaluation.on_tasks
        if not all(scorer.items.test for scorer in members(each))
    }


def members(each: OnTasks) -> Sequence[TaskScorer]:
    """Return the tasks of an objective: one, or a group's."""
    if isinstance(each, GroupScorer):
        return each.members
    return (each,) if isinstance(each, TaskScorer) else ()
