"""Renders a task's documents into requests, once a study."""

from collections.abc import Callable
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.guard import lm_eval_seeds, no_bars, templates_compiled_once


def build_requests(task: Any) -> None:
    """Render every document's prompts into the task's instances.

    All of them, though few may be scored: random examples are drawn by position, so a document's
    prompt would be another one if those before it were left out.
    """
    for field in ("doc_to_text", "doc_to_target", "doc_to_choice"):
        setattr(task, field, _remember(getattr(task, field)))
    with lm_eval_seeds(), no_bars(), templates_compiled_once():
        try:
            task.build_all_requests(rank=0, world_size=1)
        except Exception as error:
            raise TaskError(
                f"lm-eval cannot build the prompts of task {task.task_name!r} "
                f"({type(error).__name__}: {error}); mend its YAML or its documents"
            ) from error


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
