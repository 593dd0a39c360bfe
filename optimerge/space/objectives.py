"""What a search space says about objectives: lm-eval tasks and sparsity."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class TaskObjective(BaseModel):
    """Score on one lm-eval task, built in or found under `include_path`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    metric: str | None = None
    """`metric` or `metric,filter` as lm-eval names it; default: the task's first metric."""
    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    """Examples in the prompt; default: what the task says."""
    search_items: Annotated[int, Field(ge=1)] | None = None
    """Documents the search scores on; default: all that are not test items."""
    test_items: Annotated[int, Field(ge=0)] = 0
    """Documents kept for `optimerge test`; the search never sees them."""
    name: str | None = None
    """What tables call it; default: the task's name."""


class SparsityObjective(BaseModel):
    """How much of the base a merge changes; smaller is better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sparsity: Literal["nonzero", "l1", "l2"]
    """nonzero: share of parameters that differ from the base; l1, l2: norms of the difference."""
    name: str | None = None


ObjectiveSpec = TaskObjective | SparsityObjective


def objective_name(spec: ObjectiveSpec) -> str:
    """Return the name of an objective: as given, or the task's or measure's own."""
    if spec.name:
        return spec.name
    return spec.task if isinstance(spec, TaskObjective) else spec.sparsity
