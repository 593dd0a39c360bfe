"""Sets a task as a space asks for it: examples, generation, split; and the chat template.

What `lm_eval.simple_evaluate` does with its arguments of the same names.
"""

from collections.abc import Callable
from typing import Any

from optimerge.errors import TaskError, did_you_mean
from optimerge.objectives.guard import OTHER_SEED
from optimerge.space.objectives import TaskObjective, objective_name


def set_options(task: Any, spec: TaskObjective, split: str | None = None) -> None:
    """Give a new task object the objective's settings; `split`: score on this one."""
    if split is not None:
        _set_split(task, spec, split)
    if spec.gen_kwargs and task.OUTPUT_TYPE == "generate_until":
        task.set_config("generation_kwargs", dict(spec.gen_kwargs), update=True)
    check_shots(task, spec)
    given, wanted = task.get_config("num_fewshot"), spec.num_fewshot
    task.set_config("num_fewshot", wanted if wanted is not None else given or 0)
    task.set_fewshot_seed(OTHER_SEED)


def check_shots(task: Any, spec: TaskObjective) -> None:
    """Raise TaskError if the task's YAML does not let the number of examples be set."""
    wanted = spec.num_fewshot
    if task.get_config("num_fewshot") == 0 and wanted:
        # lm-eval ignores the number silently; a score must be what the space says.
        raise TaskError(
            f"objective {objective_name(spec)!r}: num_fewshot {wanted} has no effect, task "
            f"{task.task_name!r} is fixed at 0; set num_fewshot in its YAML, or leave it out here"
        )


def scored_split(task: Any) -> str:
    """Return the name of the split that a task is scored on; "" if its Python hides it."""
    return str(task.get_config("test_split") or task.get_config("validation_split") or "")


def _set_split(task: Any, spec: TaskObjective, split: str) -> None:
    start = f"objective {objective_name(spec)!r}: task {task.task_name!r}"
    data: Any = getattr(task, "dataset", None)
    if not hasattr(data, "keys") or not scored_split(task):
        raise TaskError(
            f"{start} takes its documents by code of its own, so its split cannot be chosen; "
            "leave out search_split and test_split"
        )
    if split not in data:
        raise TaskError(
            f"{start} has no split {split!r}{did_you_mean(split, data) or ';'} "
            f"it has {', '.join(data)}"
        )
    task.set_config("test_split", split)
    if not len(task.eval_docs):
        raise TaskError(f"{start}: its split {split!r} has no documents; choose another")


def chat_renderer(lm: Any, wanted: bool | str | None, name: str) -> Callable[..., str] | None:
    """Return what writes a chat as text, by the tokenizer's template; None for plain prompts.

    `wanted` may name one of several templates. lm-eval 0.4.13 takes a name too, and then renders
    with the default one.
    """
    if not wanted:
        return None
    start = f"objective {name!r}: apply_chat_template is {wanted!r}, but the tokenizer"
    held = lm.tokenizer.chat_template
    if not held:
        raise TaskError(
            f"{start} {lm.tokenizer.name_or_path!r} has no chat template; leave "
            "apply_chat_template out, or give the tokenizer a chat_template.jinja"
        )
    if isinstance(held, str):
        if isinstance(wanted, str):
            raise TaskError(f"{start} has one chat template, without names; write true")
        render: Callable[..., str] = lm.apply_chat_template
        return render
    chosen = wanted if isinstance(wanted, str) else "default"
    if chosen not in held:
        raise TaskError(f"{start} has no chat template {chosen!r}; name one of {', '.join(held)}")

    def named(*args: Any, **options: Any) -> str:
        lm.tokenizer.chat_template = held[chosen]
        try:
            return str(lm.apply_chat_template(*args, **options))
        finally:
            lm.tokenizer.chat_template = held

    return named
