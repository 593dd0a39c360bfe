"""Renders a task's documents into requests, once a study."""

from collections.abc import Callable, Iterable
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.examples import shots
from optimerge.objectives.guard import lm_eval_seeds, no_bars, templates_compiled_once

_FIELDS = ("doc_to_text", "doc_to_target", "doc_to_choice")


def build_requests(
    task: Any,
    ids: Iterable[int],
    *,
    chat_template: Callable[..., str] | None = None,
    system_instruction: str | None = None,
    fewshot_as_multiturn: bool = True,
) -> None:
    """Render the prompts of documents into the task's instances.

    Of all documents, though few may be scored, where a prompt may depend on those before it:
    random examples are drawn by position, so it would be another one if they were left out.
    """
    if _stands_alone(task):
        _only(task, sorted(ids))
    for field in _FIELDS:
        setattr(task, field, _remember(getattr(task, field)))
    with lm_eval_seeds(), no_bars(), templates_compiled_once():
        try:
            task.build_all_requests(
                rank=0,
                world_size=1,
                system_instruction=system_instruction,
                apply_chat_template=chat_template is not None,
                fewshot_as_multiturn=fewshot_as_multiturn,
                chat_template=chat_template,
            )
        except TaskError:
            raise
        except Exception as error:
            raise TaskError(
                f"lm-eval cannot build the prompts of task {task.task_name!r} "
                f"({type(error).__name__}: {error}); mend its YAML or its documents"
            ) from error


def _stands_alone(task: Any) -> bool:
    """Say whether a document's prompt is the same whatever documents come before it."""
    from lm_eval.api.samplers import FirstNSampler
    from lm_eval.api.task import ConfigurableTask

    if type(task) is not ConfigurableTask:
        return False
    if shots(task) and not isinstance(getattr(task, "sampler", None), FirstNSampler):
        return False
    # Python of the task's may draw from the global generators.
    return not any(callable(task.get_config(field)) for field in _FIELDS)


def _only(task: Any, ids: list[int]) -> None:
    """Let the task go through these documents alone, under their own numbers."""

    def chosen(**_: Any) -> Any:
        docs = task.eval_docs
        return ((number, docs[number]) for number in ids)

    task.doc_iterator = chosen


def _remember(render: Callable[..., Any]) -> Callable[..., Any]:
    """Render each document once: lm-eval compiles the template anew for each, each time.

    The document is kept beside its text, so that its id cannot become another one's.
    """
    seen: dict[int, tuple[Any, Any]] = {}

    def remembered(doc: Any, *template: Any) -> Any:
        if template:
            return render(doc, *template)
        if id(doc) not in seen:
            seen[id(doc)] = (doc, render(doc))
        return seen[id(doc)][1]

    return remembered
