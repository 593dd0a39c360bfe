"""From a space's `objectives:` to objectives, and all scores of a candidate."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from optimerge.errors import TaskError
from optimerge.objectives.groups import GroupScorer
from optimerge.objectives.protocol import Candidate, Objective
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.sparsity import SparsityScorer
from optimerge.objectives.tasks import BATCH_SIZE, load_tasks
from optimerge.records.types import Score
from optimerge.space.objectives import ObjectiveSpec, TaskObjective, objective_name

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from optimerge.objectives.runs import TaskAnswers, TaskRun


def make_objectives(
    specs: Sequence[ObjectiveSpec],
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    include_path: Path | None,
    seed: int,
    *,
    batch_size: int = BATCH_SIZE,
    items: Literal["search", "test"] = "search",
    allow_code: bool = False,
    strict: bool = False,
) -> list[Objective]:
    """Build the objectives of a space in its order; TaskError if two have one name."""
    check_names(specs)
    scorers = iter(
        load_tasks(
            [spec for spec in specs if isinstance(spec, TaskObjective)],
            model=model,
            tokenizer=tokenizer,
            include_path=include_path,
            seed=seed,
            batch_size=batch_size,
            items=items,
            allow_code=allow_code,
            strict=strict,
        )
    )
    return [
        next(scorers)
        if isinstance(spec, TaskObjective)
        else SparsityScorer(objective_name(spec), spec.sparsity)
        for spec in specs
    ]


def check_names(specs: Sequence[ObjectiveSpec]) -> None:
    """Raise TaskError if two objectives have one name."""
    seen: dict[str, int] = {}
    for number, spec in enumerate(specs):
        name = objective_name(spec)
        if name in seen:
            raise TaskError(
                f"objectives[{seen[name]}] and objectives[{number}] are both called {name!r}; "
                f"set objectives[{number}].name to another"
            )
        seen[name] = number


def score_all(objectives: Sequence[Objective], candidate: Candidate) -> dict[str, Score]:
    """Score a candidate on every objective, in their order; TrialError if one cannot be scored.

    Metrics that share a run of a task share its answers, and its seconds in equal parts.
    """
    ours = [each for each in objectives if isinstance(each, TaskScorer | GroupScorer)]
    shares = Counter(run for each in ours for run in each.runs)
    answers: dict[TaskRun, TaskAnswers] = {}
    scores: dict[str, Score] = {}
    for objective in objectives:
        if not isinstance(objective, TaskScorer | GroupScorer):
            scores[objective.name] = objective.score(candidate)
            continue
        for run in objective.runs:
            if run not in answers:
                answers[run] = run.evaluate(candidate.model)
        scores[objective.name] = objective.combine(answers, shares)
    return scores
