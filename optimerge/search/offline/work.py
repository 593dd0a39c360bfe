"""The time of a search, estimated from data sheets and round numbers: nothing here is measured.

A candidate takes
- the merge: base, experts and result pass through memory once;
- reading: 2 floating-point operations a parameter and token;
- writing, where a task generates: every step reads the weights once for a batch of rows, and
  takes Python some time to start.

What a prompt and an answer have in tokens is not known before documents and tokenizer are there;
the numbers below stand for them. Racing, which stops beaten candidates, is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optimerge.objectives.outline import Outlined
from optimerge.objectives.prompts_file import prompts_of, text_of
from optimerge.search.budget import DEFAULT_TRIALS
from optimerge.search.offline.memory import Memory
from optimerge.search.offline.sizes import Size
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objective_kinds.length import LengthObjective
from optimerge.space.objective_kinds.perplexity import PerplexityObjective
from optimerge.space.objectives import ObjectiveSpec, TaskObjective, objective_name
from optimerge.space.space import SearchSpace

BYTES_A_SECOND = 2.5e12
OPERATIONS_A_SECOND = 4e14
DEVICE = "an H100-like GPU (2.5 TB/s, 400 TFLOP/s in use)"
"""About three quarters and two fifths of an H100 SXM's data sheet (3.35 TB/s, 989 TFLOP/s)."""
STEP_SECONDS = 0.025
"""What transformers takes to start the work of one generated token, in a round number."""
BYTES_A_TOKEN = 4
DOCUMENT = 150
"""Tokens of a task's document, and of an example in its prompt."""
ANSWER = 200
"""Tokens of a generated answer, where the task does not say how many at the most."""
LENGTH_ROWS = 32
"""Prompts that a length objective generates from at a time."""


@dataclass(frozen=True)
class Work:
    """Tokens that one candidate is scored on."""

    read: int
    steps: int
    """Times that the weights are read to write a token in each row of a batch."""


def estimated_seconds(
    space: SearchSpace,
    sizes: Mapping[str, Size],
    memory: Memory | None,
    outlines: Mapping[str, Outlined],
    texts: Mapping[str, Sequence[str]],
) -> float | None:
    """Return the seconds of one candidate, or None if a size or a number of items is not known.

    `texts`: what objectives read, as `read_files` gives it.
    """
    rows = space.search.batch_size
    works = [
        _work(spec, rows, outlines, texts.get(objective_name(spec), ()))
        for spec in space.objectives
    ]
    first = next(iter(sizes.values()))
    if memory is None or first.parameters is None or None in works:
        return None
    done = [work for work in works if work is not None]
    merge = (memory.resident + memory.stored) / BYTES_A_SECOND
    read = 2 * first.parameters * sum(work.read for work in done) / OPERATIONS_A_SECOND
    step = memory.resident / BYTES_A_SECOND + STEP_SECONDS
    return merge + read + step * sum(work.steps for work in done)


def without_items(space: SearchSpace) -> Sequence[str]:
    """Return the names of the tasks whose number of documents is not known offline."""
    return [
        objective_name(spec)
        for spec in space.objectives
        if isinstance(spec, TaskObjective) and spec.search_items is None
    ]


def planned_trials(space: SearchSpace) -> int | None:
    """Return how many trials the space asks for; None if it goes by time alone."""
    settings = space.search
    if settings.trials is None and (settings.hours or settings.until):
        return None
    return settings.trials or DEFAULT_TRIALS


def read_files(specs: Sequence[ObjectiveSpec], folder: Path) -> dict[str, Sequence[str]]:
    """Return the text, or the prompts, of the file that an objective names, by its name.

    TaskError if one is not there or empty.
    """
    found: dict[str, Sequence[str]] = {}
    for spec in specs:
        name = objective_name(spec)
        where = f"objective {name!r}"
        if isinstance(spec, PerplexityObjective):
            found[name] = [text_of(where, spec.perplexity, folder)]
        elif isinstance(spec, DriftObjective | LengthObjective):
            file = spec.drift if isinstance(spec, DriftObjective) else spec.length
            found[name] = prompts_of(where, file, folder)
    return found


def _work(
    spec: ObjectiveSpec, rows: int, outlines: Mapping[str, Outlined], texts: Sequence[str]
) -> Work | None:
    if isinstance(spec, TaskObjective):
        return _task_work(spec, outlines[objective_name(spec)], rows)
    batches = -(-len(texts) // LENGTH_ROWS)
    steps = batches * spec.max_new_tokens if isinstance(spec, LengthObjective) else 0
    return Work(_tokens("\n".join(texts)), steps)


def _task_work(spec: TaskObjective, outline: Outlined, rows: int) -> Work | None:
    if spec.search_items is None or not outline.tasks:
        return None
    read = spec.search_items * DOCUMENT * (1 + outline.num_fewshot)
    task = outline.tasks[0]
    if task.OUTPUT_TYPE != "generate_until":
        return Work(read, 0)
    kwargs = {**(task.get_config("generation_kwargs") or {}), **(spec.gen_kwargs or {})}
    longest = kwargs.get("max_gen_toks") or kwargs.get("max_new_tokens") or ANSWER
    return Work(read, -(-spec.search_items // rows) * int(longest))


def _tokens(text: str) -> int:
    return len(text.encode()) // BYTES_A_TOKEN
