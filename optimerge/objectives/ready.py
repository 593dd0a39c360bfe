"""Requests made ready: what a document asks of the model, as token ids, once a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from optimerge.errors import OptimergeError, TaskError
from optimerge.objectives.live import LiveModel, Tokens

Kind = Literal["loglikelihood", "loglikelihood_rolling", "generate_until"]


@dataclass(frozen=True)
class Ready:
    """One request of lm-eval's, ready to be answered for every candidate."""

    instance: Any
    """lm-eval's; filters and metrics read the answers from it."""
    kind: Kind
    pairs: tuple[Tokens, ...] = ()
    """Contexts and continuations; of a rolling request its windows; none to generate from."""
    cut: bool = False
    """Whether the prompt is longer than the model's context; lm-eval cuts its start off."""

    @property
    def times(self) -> int:
        """How often it is to be answered."""
        return int(self.instance.repeats or 1)


def make_ready(live: LiveModel, instances: Sequence[Any]) -> list[Ready]:
    """Tokenise requests by lm-eval's own code; TaskError for one that the model cannot take."""
    found: dict[int, Ready] = {}
    for kind, make in _MAKERS.items():
        same = [each for each in instances if each.request_type == kind]
        if same:
            try:
                made = make(live, same)
            except OptimergeError:
                raise
            except Exception as error:
                raise TaskError(
                    f"the prompts of task {same[0].task_name!r} cannot be tokenised "
                    f"({type(error).__name__}: {error}); mend its YAML or its documents"
                ) from error
            found.update((id(ready.instance), ready) for ready in made)
    odd = next((each for each in instances if id(each) not in found), None)
    if odd is not None:
        raise TaskError(
            f"task {odd.task_name!r} asks for {odd.request_type!r}, which is none of "
            f"{', '.join(_MAKERS)}; choose another task"
        )
    return [found[id(each)] for each in instances]


def _loglikelihood(live: LiveModel, instances: Sequence[Any]) -> list[Ready]:
    room = live.lm.max_length
    made = []
    for instance, pair in zip(instances, live.record("loglikelihood", instances), strict=True):
        _, context, answer = pair
        if not 0 < len(answer) <= room:
            raise TaskError(
                f"document {instance.doc_id} of task {instance.task_name!r} has an answer of "
                f"{len(answer)} tokens, the model takes 1 to {room}; "
                "mend the document, or leave it out by process_docs"
            )
        cut = len(context) + len(answer) > room + 1
        made.append(Ready(instance, "loglikelihood", (pair,), cut))
    return made


def _rolling(live: LiveModel, instances: Sequence[Any]) -> list[Ready]:
    kind: Kind = "loglikelihood_rolling"
    return [Ready(each, kind, tuple(live.record(kind, [each]))) for each in instances]


def _generation(live: LiveModel, instances: Sequence[Any]) -> list[Ready]:
    made = []
    for instance in instances:
        left = live.lm.max_length - _new_tokens(live, instance)
        cut = len(live.lm.tok_encode(instance.args[0])) > left
        made.append(Ready(instance, "generate_until", cut=cut))
    return made


def _new_tokens(live: LiveModel, instance: Any) -> int:
    from lm_eval.models.utils import normalize_gen_kwargs

    new = int(normalize_gen_kwargs(instance.args[1], live.lm.max_gen_toks)["max_gen_toks"])
    if new >= live.lm.max_length:
        raise TaskError(
            f"task {instance.task_name!r} generates up to {new} tokens, but the model's context "
            f"is {live.lm.max_length}; set generation_kwargs: max_gen_toks lower in the task's YAML"
        )
    return new


_MAKERS = {
    "loglikelihood": _loglikelihood,
    "loglikelihood_rolling": _rolling,
    "generate_until": _generation,
}
