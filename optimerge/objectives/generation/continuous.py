"""Answers by transformers' continuous batching: rows come and go in one running batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.generation.batches import PromptBatch, make_batches, read_answer
from optimerge.objectives.live import LiveModel
from optimerge.objectives.nonfinite import Finite, where_it_began

if TYPE_CHECKING:
    from transformers import PreTrainedModel


PAGE = 256
"""Tokens of a block of keys and values; transformers' own number."""
BATCH = 2048
"""Tokens that are run at a time."""
MOST = 1 << 17
"""Tokens whose keys and values are held; transformers would take most of the free memory."""

HARMLESS = frozenset(
    [
        "bos_token_id",
        "cache_implementation",
        "do_sample",
        "eos_token_id",
        "max_length",
        "max_new_tokens",
        "pad_token_id",
        "temperature",
        "top_k",
        "top_p",
        "transformers_version",
        "use_cache",
    ]
) | {"_from_model_config", "output_attentions", "output_hidden_states"}
"""What a model's generation_config may set and greedy answers be the same."""


class ContinuousWriting:
    """Greedy answers by `generate_batch`, with a manager of its own for every candidate.

    A manager that lived on would keep blocks of keys and values for prompts that it has seen, and
    transformers (5.23) does not forget them when weights change: the next candidate would answer
    with the last one's caches. Stop strings are cut afterwards, a row goes on to its end token or
    most tokens. On CPUs it is slower than fixed batches (96 prompts of 20 to 120 tokens, 48 new
    ones, 4 layers of 128: 5.9 s against 1.4 s, texts equal); it is for GPUs and answers of very
    different lengths.
    """

    def __init__(self, live: LiveModel, instances: Sequence[Any], page: int = PAGE) -> None:
        self._live, self._instances, self._page = live, instances, page
        self._batches = make_batches(live.lm, instances, len(instances))
        for batch in self._batches:
            if why := _unfit(live, batch):
                name = instances[batch.places[0]].task_name
                raise TaskError(
                    f"task {name!r} {why}, which continuous batching cannot; "
                    "set search.generation.batching: static"
                )

    def write(self, model: "PreTrainedModel") -> list[str]:
        """Return the text after each prompt; TrialError if a prompt's logits are not finite."""
        lm, texts = self._live.point_at(model), [""] * len(self._instances)
        for batch in self._batches:
            prompts = batch.prompts()
            self._check_finite(model, batch, prompts)
            for place, tokens in zip(batch.places, self._run(lm, batch, prompts), strict=True):
                texts[place] = read_answer(lm, tokens, batch.settings.until)
        return texts

    def _run(self, lm: Any, batch: PromptBatch, prompts: list[list[int]]) -> list[list[int]]:
        from transformers import ContinuousBatchingConfig, GenerationConfig

        ends = lm.model.generation_config.eos_token_id
        config = GenerationConfig(
            max_new_tokens=batch.settings.new_tokens,
            do_sample=False,
            eos_token_id=lm.tokenizer.eos_token_id if ends is None else ends,
            pad_token_id=lm.tokenizer.pad_token_id,
        )
        found = lm.model.generate_batch(
            prompts,
            generation_config=config,
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=self._page,
                num_blocks=pages(prompts, batch.settings.new_tokens, self._page),
                max_batch_tokens=BATCH,
            ),
            persistent_manager=False,
            progress_bar=False,
            warmup=False,
        )
        outputs = [found[name] for name in sorted(found, key=lambda n: int(n.rpartition("_")[2]))]
        bad = next((each.error for each in outputs if each.error), None)
        if bad or len(outputs) != len(prompts):
            raise TrialError(
                f"continuous batching answered {len(outputs)} of {len(prompts)} prompts"
                f"{f' ({bad})' if bad else ''}; set search.generation.batching: static"
            )
        return [list(each.generated_tokens) for each in outputs]

    def _check_finite(
        self, model: "PreTrainedModel", batch: PromptBatch, prompts: Sequence[Sequence[int]]
    ) -> None:
        check_prompt(model, self._instances[batch.places[0]].task_name, prompts)


def pages(prompts: Sequence[Sequence[int]], new: int, page: int) -> int:
    """Return how many pages hold all prompts with their answers, or MOST tokens if that is less.

    >>> pages([[1] * 10, [1] * 3], 6, 8)
    4
    """
    each = [-(-(len(row) + new) // page) for row in prompts]
    return max([*each, min(sum(each), MOST // page)])


def check_prompt(model: "PreTrainedModel", task: str, prompts: Sequence[Sequence[int]]) -> None:
    """Run the shortest prompt, where logits along the way are out of sight; TrialError if NaN."""
    import torch

    watch, row = Finite(), min(prompts, key=len)
    call: Any = model
    watch(torch.empty(0), call(torch.tensor([row], device=model.device), use_cache=False).logits)
    if not watch.finite:
        raise TrialError(
            f"task {task!r}: the model's logits are NaN or infinite{where_it_began(model, [row])}"
        )


def _unfit(live: LiveModel, batch: PromptBatch) -> str:
    if live.lm.backend != "causal":
        return "is for a model that is no decoder"
    if len(set(getattr(live.lm.model, "hf_device_map", {}).values())) > 1:
        return "is for a model on several devices"
    if batch.settings.samples:
        return "draws its answers at random (do_sample)"
    changing = set(live.lm.model.generation_config.to_diff_dict()) - HARMLESS
    if changing:
        return f"is for a model whose generation_config sets {sorted(changing)[0]}"
    more = sorted(set(batch.settings.rest) - {"do_sample", "temperature", "top_p", "top_k"})
    return f"sets {', '.join(more)} in generation_kwargs" if more else ""
