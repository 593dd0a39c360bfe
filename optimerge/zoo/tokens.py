"""The vocabulary: one token a word. Training needs the numbers alone, checkpoints a tokenizer."""

from typing import TYPE_CHECKING

from optimerge.zoo.tasks import DIGITS, LETTERS, RULES, SIGNS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
WORDS: tuple[str, ...] = (PAD, UNKNOWN, END, *DIGITS, *LETTERS, *SIGNS, *RULES)
IDS = {word: number for number, word in enumerate(WORDS)}


def encode(text: str) -> list[int]:
    """Return the token ids of words separated by spaces. KeyError for a word that is not known."""
    return [IDS[word] for word in text.split()]


def make_tokenizer(context: int) -> "PreTrainedTokenizerFast":
    """Return a word-level fast tokenizer equal to `encode`; it adds no special tokens.

    It pads on the left, as batched generation with a causal model needs.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel(IDS, unk_token=UNKNOWN))
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
