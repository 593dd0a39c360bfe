"""One task on one set of documents: prompts and token ids made once, read for any candidate."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from optimerge.errors import TrialError
from optimerge.objectives.guard import OTHER_SEED
from optimerge.objectives.items import digest_items
from optimerge.objectives.live import LiveModel
from optimerge.objectives.metrics import added_values
from optimerge.objectives.ready import Ready, make_ready
from optimerge.records.prompts import Item

log = logging.getLogger(__name__)

Values = Mapping[str, Mapping[int, Any]]
"""By `metric,filter` and document id, what lm-eval makes of the document's answers."""


@dataclass(frozen=True)
class TaskAnswers:
    """What one candidate got on the documents of a task that it was asked so far."""

    values: Values = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    """What was generated, by document; empty for tasks that generate nothing."""
    documents: tuple[int, ...] = ()
    """Those asked, in the order of `TaskRun.documents`; a metric may leave some out."""

    def and_more(
        self, documents: Sequence[int], values: Values, texts: Mapping[int, str]
    ) -> "TaskAnswers":
        """Return these answers and those of other documents."""
        names = [*self.values, *(name for name in values if name not in self.values)]
        both = {name: {**self.values.get(name, {}), **values.get(name, {})} for name in names}
        return TaskAnswers(both, {**self.texts, **texts}, (*self.documents, *documents))


class TaskRun:
    """The chosen documents of a task, ready to be scored.

    `documents` stand in a random order that depends on the task and the ids alone: a part of
    them from the start is a fair sample, the same for all candidates and workers.
    """

    def __init__(self, task: Any, ids: Sequence[int], live: LiveModel) -> None:
        self.task = task
        self.name: str = task.task_name
        self.room: int = live.lm.max_length
        """Tokens of the model's context."""
        self.has_encoder = bool(live.lm.model.config.is_encoder_decoder)
        chosen = set(ids)
        instances = [each for each in task.instances if each.doc_id in chosen]
        self.digest = digest_items(self.name, [(i.doc_id, i.args) for i in instances])
        by_document: dict[int, list[Ready]] = {doc_id: [] for doc_id in sorted(chosen)}
        for ready in make_ready(live, instances):
            by_document[ready.instance.doc_id].append(ready)
        for same in by_document.values():
            same.sort(key=lambda ready: int(ready.instance.idx))
        self._by_document: Mapping[int, Sequence[Ready]] = by_document
        order = sorted(chosen)
        Random(f"{OTHER_SEED}/{self.name}").shuffle(order)
        self.documents = tuple(order)
        self._warn_of_cuts()

    @property
    def instances(self) -> list[Any]:
        """All of lm-eval's requests, by document id."""
        return [ready.instance for same in self._by_document.values() for ready in same]

    @property
    def draws(self) -> bool:
        """Whether answers are drawn at random."""
        texts = (each for each in self.instances if each.request_type == "generate_until")
        return any(each.args[1].get("do_sample") for each in texts)

    def requests(self, documents: Sequence[int]) -> list[Ready]:
        """Return the requests of some documents."""
        return [ready for doc_id in documents for ready in self._by_document[doc_id]]

    def read(self, documents: Sequence[int]) -> Values:
        """Return what the answers to the requests of these documents come to.

        Answers are in the instances' `resps`, where `Round` puts finite ones. TrialError if the
        task's own code raises.
        """
        requests = self.requests(documents)
        task, found = self.task, defaultdict[str, dict[int, Any]](dict)
        task._instances = [r.instance for r in requests]  # apply_filters takes no argument
        try:
            task.apply_filters()
            for key in task._instances[0].filtered_resps:
                for doc_id in documents:
                    same = [ready.instance for ready in self._by_document[doc_id]]
                    answers = [each.filtered_resps[key] for each in same]
                    results = task.process_results(same[0].doc, answers)
                    added = added_values(task, same[0].doc, answers)
                    for metric, value in {**results, **added, **results}.items():
                        found[f"{metric},{key}"][doc_id] = value
        except Exception as error:
            raise TrialError(
                f"task {self.name!r}: its own code failed on the answers "
                f"({type(error).__name__}: {error})"
            ) from error
        return found

    def texts(self, documents: Sequence[int]) -> dict[int, str]:
        """Return what was generated for each document, the first time; {} without generation."""
        first = ((doc_id, self._by_document[doc_id][0]) for doc_id in documents)
        return {
            doc_id: str(ready.instance.resps[0])
            for doc_id, ready in first
            if ready.kind == "generate_until"
        }

    def items(self) -> dict[int, Item]:
        """Return what each document asks: its first prompt, the answers to choose from."""
        found = {}
        for doc_id, same in self._by_document.items():
            choices = [str(r.instance.args[1]) for r in same if r.kind == "loglikelihood"]
            found[doc_id] = Item(str(same[0].instance.args[0]), choices)
        return found

    def _warn_of_cuts(self) -> None:
        requests = [ready for same in self._by_document.values() for ready in same]
        if cut := sum(ready.cut for ready in requests):
            log.warning(
                "task %r: %d of %d prompts are longer than the model's context; their start is "
                "cut off, as lm-eval does",
                self.name,
                cut,
                len(requests),
            )
