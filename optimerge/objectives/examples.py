"""Keeps the documents that are scored out of the examples in prompts.

lm-eval leaves only the document itself out of its own prompt's examples. A search would see the
answers of its other documents there, and of the test's. So examples are drawn from documents
that are in neither set: where the examples' split is one that is scored on, `items.draw_sets`
leaves some in reserve; in another split, a document that reads like a scored one is passed over.
Where nothing is shared nothing changes: the prompts are lm-eval's.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.guard import OTHER_SEED

MOST = 50
"""Documents that are left for examples, where there are ten times as many."""


def example_split(task: Any) -> str | None:
    """Return the split that a new task draws its examples from; None if they are fixed.

    The rule of lm-eval's `Task.fewshot_docs`.
    """
    settings = getattr(task, "fewshot_cfg", None)
    if settings is None:
        return None
    if settings.split is not None:
        return str(settings.split)
    if settings.samples is not None:
        return None
    kinds = ("training_split", "validation_split", "test_split")
    return next((str(name) for kind in kinds if (name := task.get_config(kind))), None)


def shots(task: Any) -> int:
    """Return how many examples a prompt of the task holds."""
    return int(task.get_config("num_fewshot") or 0)


def reserve(most_shots: int, documents: int) -> int:
    """Return how many documents of a scored split to leave for its examples.

    One more than a prompt holds: lm-eval draws one more where the splits are the same.
    """
    return max(most_shots + 1, min(MOST, documents // 10)) if most_shots else 0


def contents(task: Any, ids: Iterable[int]) -> set[str]:
    """Return how these scored documents read: question, options and answer."""
    docs = task.eval_docs
    return {_content(task, docs[number]) for number in ids}


def keep_apart(task: Any, scored: set[str], *, same_split: bool) -> None:
    """Let the task draw no examples that read like a scored document.

    TaskError if too few are left.
    """
    sampler: Any = getattr(task, "sampler", None)
    if sampler is None or not shots(task):
        return
    needed = shots(task) + 1
    if same_split:
        free = [doc for doc in sampler.fewshot_docs() if _content(task, doc) not in scored]
        if len(free) < needed:
            raise _too_few(task, len(free), needed)
        sampler.replace_df(free)
    else:
        sampler.sample = _Passing(task, sampler, scored).sample


class _Passing:
    """A sampler's `sample` that draws again for each example that reads like a scored document."""

    def __init__(self, task: Any, sampler: Any, scored: set[str]) -> None:
        self._task, self._sampler, self._scored = task, sampler, scored
        self._draw = sampler.sample
        self._read: dict[int, tuple[Any, bool]] = {}
        self._free: list[Any] | None = None
        self._random = Random(OTHER_SEED)

    def sample(self, n: int, *args: Any, **options: Any) -> Sequence[Any]:
        """Draw `n` examples as lm-eval does; only those that are scored are replaced."""
        found = list(self._draw(n, *args, **options))
        bad = [place for place, doc in enumerate(found) if self._is_scored(doc)]
        if not bad:
            return found
        others = [doc for doc in self._others() if doc not in found]
        if len(others) < len(bad):
            raise _too_few(self._task, len(found) - len(bad) + len(others), n)
        first = type(self._sampler).__name__ == "FirstNSampler"
        new = others[: len(bad)] if first else self._random.sample(others, len(bad))
        for place, doc in zip(bad, new, strict=True):
            found[place] = doc
        return found

    def _others(self) -> list[Any]:
        if self._free is None:
            docs = self._sampler.fewshot_docs()
            self._free = [doc for doc in docs if not self._is_scored(doc)]
        return self._free

    def _is_scored(self, doc: Any) -> bool:
        if id(doc) not in self._read:  # the document is kept, so that its id stays its own
            self._read[id(doc)] = (doc, _content(self._task, doc) in self._scored)
        return self._read[id(doc)][1]


def _content(task: Any, doc: Any) -> str:
    parts = [task.doc_to_text(doc), task.doc_to_target(doc)]
    if task.get_config("doc_to_choice") is not None:
        parts.append(task.doc_to_choice(doc))
    return repr(parts)


def _too_few(task: Any, left: int, needed: int) -> TaskError:
    return TaskError(
        f"task {task.task_name!r}: {left} documents are left for examples that are no search or "
        f"test items, and {needed} are needed; lower search_items, test_items or num_fewshot"
    )
