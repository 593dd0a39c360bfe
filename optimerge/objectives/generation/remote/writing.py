"""Generation requests, answered by a worker with vLLM."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError
from optimerge.objectives.generation.batches import Settings, make_batches, read_answer_text
from optimerge.objectives.generation.continuous import check_prompt
from optimerge.objectives.generation.remote.model import RemoteModel
from optimerge.objectives.guard import OTHER_SEED
from optimerge.objectives.live import LiveModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel

KNOWN = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
"""Settings of `generate` that vLLM has by the same name and meaning."""


class RemoteWriting:
    """Prompts and sampling settings, made once; every candidate's texts come from the worker.

    Drawn answers have a seed for each request, the same for every candidate; they are not those
    that transformers draws.
    """

    def __init__(self, live: LiveModel, instances: Sequence[Any], remote: RemoteModel) -> None:
        self._live, self._remote = live, remote
        self._name = instances[0].task_name
        if live.lm.backend != "causal":
            raise TaskError("search.generation.vllm: the model is no decoder; leave vllm out")
        self._prompts: list[list[int]] = [[] for _ in instances]
        self._settings: list[Settings] = []
        settings: dict[int, Settings] = {}
        for batch in make_batches(live.lm, instances, len(instances)):
            for place, row in zip(batch.places, batch.prompts(), strict=True):
                self._prompts[place], settings[place] = row, batch.settings
        self._settings = [settings[place] for place in range(len(instances))]
        self._sampling = [
            sampling(self._name, each, OTHER_SEED + place) | _defaults(live, each)
            for place, each in enumerate(self._settings)
        ]

    def write(self, model: "PreTrainedModel") -> list[str]:
        """Return the text after each prompt.

        TrialError if the worker fails, or the logits of a prompt are NaN in the resident model:
        vLLM does not say.
        """
        check_prompt(model, self._name, self._prompts)
        texts = self._remote.generate(model, self._prompts, self._sampling)
        pairs = zip(texts, self._settings, strict=True)
        return [read_answer_text(self._live.lm, text, each.until) for text, each in pairs]


def _defaults(live: LiveModel, settings: Settings) -> dict[str, Any]:
    """Return what the model's own generation_config says and the task does not."""
    own, found = live.lm.model.generation_config, dict[str, Any]()
    if own.repetition_penalty not in (None, 1.0) and "repetition_penalty" not in settings.rest:
        found["repetition_penalty"] = own.repetition_penalty
    if isinstance(own.eos_token_id, list):
        found["stop_token_ids"] = own.eos_token_id
    return found


def sampling(task: str, settings: Settings, seed: int) -> dict[str, Any]:
    """Return the arguments of vLLM's SamplingParams; TaskError for a setting that it has not."""
    rest = dict(settings.rest)
    rest.pop("do_sample", None)
    if odd := sorted(set(rest) - set(KNOWN)):
        raise TaskError(
            f"task {task!r} sets {odd[0]} in generation_kwargs, which vLLM has not by that name; "
            "leave it out, or search.generation.vllm"
        )
    found = {"max_tokens": settings.new_tokens, "stop": list(settings.until), **rest}
    if not settings.samples:
        return {**found, "temperature": 0.0}
    return {**found, "temperature": rest.get("temperature", 1.0), "seed": seed}
