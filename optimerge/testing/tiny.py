"""A random model of 20 000 parameters with a tokenizer of words, to score in laws of objectives."""

from functools import cache
from typing import TYPE_CHECKING

from optimerge.objectives.protocol import Candidate
from optimerge.records.types import MergeStats

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WORDS = ("<pad>", "<unk>", "<eos>", *(f"w{number}" for number in range(40)))
CONTEXT = 96
"""Tokens that the model takes."""
STATS = MergeStats(seconds=0.1, parameters=100, nonzero=25, l1=4.0, l2=0.5)


@cache
def tokenizer() -> "PreTrainedTokenizerBase":
    """Return a tokenizer with the words w0 to w39, parted by blanks."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ids = {word: number for number, word in enumerate(WORDS)}
    words = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>"
    )


def model(seed: int = 0) -> "PreTrainedModel":
    """Return a Llama of two layers whose weights are large enough that answers differ."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(torch.Generator().manual_seed(seed).get_state())
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(WORDS),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                max_position_embeddings=CONTEXT,
                initializer_range=0.4,
                pad_token_id=0,
                bos_token_id=None,
                eos_token_id=2,
            )
        ).eval()


def candidate(seed: int = 0) -> Candidate:
    """Return the model as a candidate, with counts that are not its own."""
    return Candidate(model(seed), STATS)
