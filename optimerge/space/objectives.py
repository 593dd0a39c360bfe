"""What a search space says about objectives: lm-eval tasks, sparsity, and the other kinds."""

from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objective_kinds.function import FunctionObjective
from optimerge.space.objective_kinds.length import LengthObjective
from optimerge.space.objective_kinds.parameters import ParametersObjective
from optimerge.space.objective_kinds.perplexity import PerplexityObjective
from optimerge.space.objective_kinds.plugin import PluginObjective
from optimerge.space.objective_kinds.settings import ObjectiveSettings


class TaskSettings(BaseModel):
    """How tasks are prompted and split: an objective's own, or the space's `tasks:` for all.

        tasks: {apply_chat_template: true, search_items: 300}
        objectives:
          - {task: gsm8k, num_fewshot: 5}
          - {task: arc_easy, apply_chat_template: false}      # its own word goes first

    The prompts are those of `lm_eval.simple_evaluate` with options of the same names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    """Examples in the prompt; default: what the task says."""
    apply_chat_template: bool | str | None = None
    """Whether prompts are turns of a chat, in the tokenizer's template or in one of this name."""
    system_instruction: str | None = None
    """What stands before everything: the system's turn of a chat, else plain text."""
    fewshot_as_multiturn: bool | None = None
    """Whether examples are turns of the chat (default, as in lm-eval) or parts of one turn."""
    gen_kwargs: dict[str, Any] | None = None
    """Put over the generation_kwargs of tasks that generate; the others have none."""
    search_items: Annotated[int, Field(ge=1)] | None = None
    """Documents the search scores on, of a group in all; default: all that are not test items."""
    test_items: Annotated[int, Field(ge=0)] | None = None
    """Documents kept for `optimerge test`, the search never sees them; default: none, and all of
    a test_split of its own."""
    search_split: str | None = None
    """Split of the dataset that the search scores on; default: the one that the task evaluates."""
    test_split: str | None = None
    """Split kept for `optimerge test`; default: the one that the task evaluates."""


class TaskObjective(TaskSettings, ObjectiveSettings):
    """Score on one lm-eval task or group, built in or found under `include_path`."""

    unit: ClassVar[str] = "the metric's: for accuracies a share of the documents, 0 to 1"

    task: str
    """Name of an lm-eval task or group."""
    metric: str | None = None
    """`metric` or `metric,filter` as lm-eval names it, or one of `optimerge.objectives.
    added_metrics`; default: the task's first metric."""

    def with_defaults(self, defaults: TaskSettings) -> "TaskObjective":
        """Return the objective with the space's settings where it has none of its own."""
        given = {key: getattr(defaults, key) for key in TaskSettings.model_fields}
        update = {k: v for k, v in given.items() if v is not None and getattr(self, k) is None}
        if defaults.gen_kwargs and self.gen_kwargs:
            update["gen_kwargs"] = {**defaults.gen_kwargs, **self.gen_kwargs}
        return self.model_copy(update=update)


class SparsityObjective(ObjectiveSettings):
    """How much of the base a merge changes; smaller is better."""

    unit: ClassVar[str] = "nonzero: share of the parameters, 0 to 1; l1, l2: units of a weight"

    sparsity: Literal["nonzero", "l1", "l2"]
    """nonzero: share of parameters that differ from the base; l1, l2: norms of the difference."""


OtherObjective = (
    PerplexityObjective
    | DriftObjective
    | LengthObjective
    | ParametersObjective
    | FunctionObjective
    | PluginObjective
)
ObjectiveSpec = TaskObjective | SparsityObjective | OtherObjective

KINDS: dict[str, type[ObjectiveSettings]] = {
    "task": TaskObjective,
    "sparsity": SparsityObjective,
    "perplexity": PerplexityObjective,
    "drift": DriftObjective,
    "length": LengthObjective,
    "parameters": ParametersObjective,
    "function": FunctionObjective,
    "plugin": PluginObjective,
}
"""The kinds of objectives by the key that names one."""


def _kind_of(data: Any) -> str | None:
    """Return the class of an objective by its key; a misspelt key counts as the nearest."""
    if isinstance(data, ObjectiveSettings):
        return type(data).__name__
    if not isinstance(data, dict):
        return TaskObjective.__name__  # which complains that it is no mapping
    if "plugin" in data:
        return PluginObjective.__name__  # whose options may be called as another kind is
    keys = [key for key in data if isinstance(key, str)]
    near = [match for key in keys for match in get_close_matches(key, KINDS, n=1)]
    found = next((kind for kind in (*keys, *near) if kind in KINDS), None)
    return KINDS[found].__name__ if found else None


AnyObjective = Annotated[
    Annotated[TaskObjective, Tag("TaskObjective")]
    | Annotated[SparsityObjective, Tag("SparsityObjective")]
    | Annotated[PerplexityObjective, Tag("PerplexityObjective")]
    | Annotated[DriftObjective, Tag("DriftObjective")]
    | Annotated[LengthObjective, Tag("LengthObjective")]
    | Annotated[ParametersObjective, Tag("ParametersObjective")]
    | Annotated[FunctionObjective, Tag("FunctionObjective")]
    | Annotated[PluginObjective, Tag("PluginObjective")],
    Discriminator(
        _kind_of,
        custom_error_type="no_kind",
        custom_error_message=f"no kind of objective is named; give one of {', '.join(KINDS)}",
    ),
]


def objective_name(spec: ObjectiveSpec) -> str:
    """Return the name of an objective: as given, or the task's, the measure's or kind's own."""
    if spec.name:
        return spec.name
    if isinstance(spec, TaskObjective):
        return spec.task
    return spec.sparsity if isinstance(spec, SparsityObjective) else spec.label
