"""Nothing of a task file's own Python runs unless the user allowed it.

A task YAML may name functions (`!function utils.score`), which lm-eval imports when it loads
the task, and metrics that are no metrics of lm-eval, which it has Hugging Face's `evaluate`
download and run. Its templates are Jinja, which lm-eval renders without a sandbox: from a text
they reach all of Python by way of its attributes. Tasks that come with lm-eval are as trusted as
lm-eval itself.
"""

from functools import cache
from pathlib import Path
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.task_files import task_file_tags

TAG = "!function"


def refuse_code(task: str, file: Path) -> None:
    """Raise TaskError if the task's file, or one that it includes, names code to run."""
    remedy = "read that code, and give --allow-code if you trust it"
    for part in _files(file):
        if TAG in task_file_tags(part):
            raise TaskError(f"task {task!r}: {part} names Python code to run ({TAG}); {remedy}")
    if name := _foreign_metric(file):
        raise TaskError(
            f"task {task!r}: {file} names the metric {name!r}, which is Python code to download "
            f"and run, no metric of lm-eval; {remedy}"
        )


def sandbox_templates(*, allow_code: bool) -> None:
    """Have lm-eval render its Jinja templates in a sandbox from now on, or again as it does.

    What a template does with texts, numbers and lists is the same there; Python's insides are out
    of its reach. They are rendered whenever a task scores, so this holds for the process.
    """
    from lm_eval import utils

    own, sandbox = _environments()
    utils.env = own if allow_code else sandbox


@cache
def _environments() -> tuple[Any, Any]:
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment
    from lm_eval import utils

    sandbox = SandboxedEnvironment(
        loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    sandbox.filters["regex_replace"] = utils.regex_replace
    return utils.env, sandbox


def _foreign_metric(file: Path) -> str | None:
    """Return the first metric that lm-eval would load from Hugging Face's `evaluate`."""
    import lm_eval.api.metrics  # noqa: F401  # registers lm-eval's metrics
    from lm_eval.api.registry import metric_registry
    from lm_eval.tasks._yaml_loader import load_yaml

    config: Any = load_yaml(file, resolve_func=False)
    if config.get("process_results") is not None:
        return None  # the metrics are what the function returns
    for metric in config.get("metric_list") or ():
        name = metric.get("metric") if isinstance(metric, dict) else None
        if isinstance(name, str) and (metric.get("hf_evaluate") or name not in metric_registry):
            return name
    return None


def _files(file: Path, seen: frozenset[Path] = frozenset()) -> list[Path]:
    from lm_eval.tasks._yaml_loader import load_yaml

    place = file.resolve()
    if place in seen or not place.is_file():
        return []
    config: Any = load_yaml(place, resolve_func=False, recursive=False)
    included = config.get("include", []) if isinstance(config, dict) else []
    names = [included] if isinstance(included, str) else list(included or [])
    inner = [part for name in names for part in _files(place.parent / name, seen | {place})]
    return [place, *inner]
