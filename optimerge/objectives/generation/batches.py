"""Prompts to write on, tokenised and put into batches once a study, as lm-eval does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.objectives.guard import no_cut_warnings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Settings:
    """How one batch is written on: a task's `generation_kwargs`, as lm-eval reads them."""

    until: tuple[str, ...]
    """Strings that end an answer; the end token's is among them."""
    new_tokens: int
    rest: Mapping[str, Any]
    """What goes to `generate` as it is: do_sample, temperature, top_p, num_beams."""

    @property
    def samples(self) -> bool:
        """Whether tokens are drawn; lm-eval decodes greedily unless `do_sample` is said."""
        return bool(self.rest.get("do_sample", self.rest.get("temperature", 0.0) != 0.0))


@dataclass(frozen=True)
class PromptBatch:
    """Rows that are written on together."""

    places: tuple[int, ...]
    """Of the rows in the list of requests."""
    ids: "Tensor"
    """int64 [rows, longest], padded on the left."""
    mask: "Tensor"
    """int64 [rows, longest]."""
    settings: Settings

    def prompts(self) -> list[list[int]]:
        """Return the rows' tokens without padding."""
        return [row[seen.bool()].tolist() for row, seen in zip(self.ids, self.mask, strict=True)]


def make_batches(lm: Any, instances: Sequence[Any], rows: int) -> list[PromptBatch]:
    """Sort, batch and tokenise generation requests as `HFLM.generate_until` does.

    One set of generation_kwargs a batch, longest prompts first, equal prompts side by side;
    prompts are cut on the left to leave room for the answer. Whether bos is added is decided by
    the first prompt of a batch, which is lm-eval's way.
    """
    from lm_eval.models.utils import Collator

    contexts = [each.args[0] for each in instances]
    lengths = {text: len(lm.tok_encode(text)) for text in dict.fromkeys(contexts)}
    ordered: Any = Collator(
        [
            (text, each.args[1], place)
            for place, (text, each) in enumerate(zip(contexts, instances, strict=True))
        ],
        sort_fn=lambda row: (-lengths[row[0]], row[0]),
        group_by="gen_kwargs",
        group_fn=lambda row: row[1],
    )
    with no_cut_warnings():
        return [_batch(lm, chunk) for chunk in ordered.get_batched(n=rows)]


def _batch(lm: Any, chunk: Sequence[tuple[str, dict[str, Any], int]]) -> PromptBatch:
    texts, kwargs, places = zip(*chunk, strict=True)
    settings = read_settings(lm, kwargs[0])
    room = lm.max_length - (settings.new_tokens if lm.backend == "causal" else 0)
    ids, mask = lm.tok_batch_encode(list(texts), left_truncate_len=room, truncation=lm.truncation)
    return PromptBatch(places, ids, mask, settings)


def read_settings(lm: Any, kwargs: Mapping[str, Any]) -> Settings:
    """Read a task's generation_kwargs by lm-eval's own code."""
    from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

    rest = dict(normalize_gen_kwargs(dict(kwargs), lm.max_gen_toks))
    eos = lm.tok_decode(lm.eot_token_id, skip_special_tokens=False)
    until = handle_stop_sequences(rest.pop("until", None), eos=eos)
    return Settings(tuple(until), int(rest.pop("max_gen_toks")), rest)


def read_answer(lm: Any, tokens: Sequence[int], until: Sequence[str]) -> str:
    """Return the text of new tokens, cut before the first stop string."""
    end, found = lm.think_end_token, list(tokens)
    if not isinstance(end, int):
        return read_answer_text(lm, lm.tok_decode(found), until)
    if end in found:
        found = found[len(found) - found[::-1].index(end) :]
    return read_answer_text(lm, lm.tok_decode(found).lstrip(), until)


def read_answer_text(lm: Any, text: str, until: Sequence[str]) -> str:
    """Cut a text before the first stop string and after a model's thoughts, as lm-eval does."""
    from lm_eval.models.utils import postprocess_generated_text

    end = lm.think_end_token if isinstance(lm.think_end_token, str) else None
    return str(postprocess_generated_text(text, stop=list(until), think_end_token=end))
