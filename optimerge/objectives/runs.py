"""One task on one set of documents: prompts and token ids made once, scored on any candidate."""

import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from optimerge.errors import OptimergeError, TaskError, TrialError
from optimerge.objectives.guard import evaluation_mode, lm_eval_seeds, no_bars, no_cut_warnings
from optimerge.objectives.items import digest_items
from optimerge.objectives.live import LiveModel
from optimerge.objectives.metrics import added_values
from optimerge.objectives.plans import GenerationPlan, make_plan

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskAnswers:
    """What one candidate got: by `metric,filter`, one value a document, in the order of ids."""

    values: Mapping[str, tuple[Any, ...]]
    seconds: float


class TaskRun:
    """The chosen documents of a task, ready to be scored."""

    def __init__(self, task: Any, ids: Sequence[int], live: LiveModel) -> None:
        self.task, self.live = task, live
        self.name: str = task.task_name
        chosen = set(ids)
        self._instances = [each for each in task.instances if each.doc_id in chosen]
        self._by_document: dict[int, list[Any]] = {doc_id: [] for doc_id in sorted(chosen)}
        kinds: dict[str, list[Any]] = defaultdict(list)
        for each in self._instances:
            kinds[each.request_type] += [each] * (each.repeats or 1)
            self._by_document[each.doc_id].append(each)
        for same in self._by_document.values():
            same.sort(key=lambda each: int(each.idx))
        try:
            self._plans = [(make_plan(live, k, same), same) for k, same in kinds.items()]
        except OptimergeError:
            raise
        except Exception as error:
            raise TaskError(
                f"the prompts of task {self.name!r} cannot be tokenised "
                f"({type(error).__name__}: {error}); mend its YAML or its documents"
            ) from error
        self.digest = digest_items(self.name, [(i.doc_id, i.args) for i in self._instances])
        self._warn_of_cuts()

    def evaluate(self, model: "PreTrainedModel") -> TaskAnswers:
        """Score the chosen documents on the model as it stands now."""
        start = perf_counter()
        lm = self.live.point_at(model)
        for each in self._instances:
            # lm-eval appends answers and reads the first: without this, the first candidate's.
            each.resps, each.filtered_resps = [], {}
        with ExitStack() as stack:
            for guard in (lm_eval_seeds(), evaluation_mode(model), no_bars(), no_cut_warnings()):
                stack.enter_context(guard)
            for plan, instances in self._plans:
                if isinstance(plan, GenerationPlan) and not plan.finite(lm):
                    raise TrialError(f"task {self.name!r}: the model's logits are NaN or infinite")
                for each, answer in zip(instances, plan.answer(lm), strict=True):
                    self._check_finite(each, answer)
                    each.resps.append(answer)
            values = self._values()
        return TaskAnswers(values, perf_counter() - start)

    def _check_finite(self, instance: Any, answer: Any) -> None:
        found = answer[0] if isinstance(answer, tuple) else answer
        if isinstance(found, float) and not math.isfinite(found):
            raise TrialError(
                f"task {self.name!r}: the log-likelihood of document {instance.doc_id} is {found}"
            )

    def _values(self) -> dict[str, tuple[Any, ...]]:
        task, found = self.task, defaultdict[str, list[Any]](list)
        task._instances = self._instances  # what apply_filters works on; it takes no argument
        try:
            task.apply_filters()
            for key in self._instances[0].filtered_resps:
                for same in self._by_document.values():
                    answers = [each.filtered_resps[key] for each in same]
                    results = task.process_results(same[0].doc, answers)
                    added = added_values(task, same[0].doc, answers)
                    for metric, value in {**results, **added, **results}.items():
                        found[f"{metric},{key}"].append(value)
        except Exception as error:
            raise TrialError(
                f"task {self.name!r}: its own code failed on the answers "
                f"({type(error).__name__}: {error})"
            ) from error
        return {name: tuple(values) for name, values in found.items()}

    def _warn_of_cuts(self) -> None:
        for plan, instances in self._plans:
            if plan.cut:
                log.warning(
                    "task %r: %d of %d prompts are longer than the model's context; their start "
                    "is cut off, as lm-eval does",
                    self.name,
                    plan.cut,
                    len(instances),
                )
