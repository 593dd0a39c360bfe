"""The vocabulary: one token a word. Training needs the numbers alone, checkpoints a tokenizer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimerge.zoo.tasks import DIGITS, LETTERS, RULES, SIGNS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
WORDS: tuple[str, ...] = (PAD, UNKNOWN, END, *DIGITS, *LETTERS, *SIGNS, *RULES)
"""All words there are, in the order of their ids."""
IDS = {word: number for number, word in enumerate(WORDS)}
SHARED_RULES = ("add", "sort", "shift")
"""The tasks whose names every zoo's vocabulary holds; later ones only where they are a task."""


def vocabulary(tasks: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a zoo with these tasks: all up to the last task's name.

    A task that is added to `RULES` so leaves the files of zoos without it as they were.
    """
    last = max(IDS[task] for task in (*SHARED_RULES, *tasks))
    return WORDS[: last + 1]


def encode(text: str) -> list[int]:
    """Return the token ids of words separated by spaces. KeyError for a word that is not known."""
    return [IDS[word] for word in text.split()]


def make_tokenizer(context: int, tasks: Sequence[str] = SHARED_RULES) -> "PreTrainedTokenizerFast":
    """Return a word-level fast tokenizer equal to `encode` on a zoo's vocabulary.

    It adds no special tokens.

    It pads on the left, as batched generation with a causal model needs.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    known = {word: IDS[word] for word in vocabulary(tasks)}
    words = Tokenizer(WordLevel(known, unk_token=UNKNOWN))
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token=UNKNOWN,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
