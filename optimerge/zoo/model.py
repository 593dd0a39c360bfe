"""The tiny Llama: new by seed, and as a Hugging Face checkpoint. Imports torch."""

import copy
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from optimerge.zoo.config import ZooConfig
from optimerge.zoo.tokens import END, IDS, PAD, make_tokenizer, vocabulary


def new_model(config: ZooConfig) -> LlamaForCausalLM:
    """Return a float32 model drawn by the config's seed; torch's global generator is untouched."""
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(vocabulary(config.tasks)),
                hidden_size=config.hidden,
                intermediate_size=config.feed_forward,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                num_key_value_heads=config.heads,
                max_position_embeddings=config.context,
                bos_token_id=None,
                eos_token_id=IDS[END],
                pad_token_id=IDS[PAD],
                tie_word_embeddings=False,
                dtype="float32",
            )
        )
    generator = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, config.init_deviation, generator=generator)
    return model


def twin(model: LlamaForCausalLM) -> LlamaForCausalLM:
    """Return a copy that shares nothing with the model."""
    return copy.deepcopy(model)


def save(model: LlamaForCausalLM, folder: Path, config: ZooConfig) -> None:
    """Write weights (float32 safetensors), config and tokenizer into the folder, without a bar."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(folder)
        make_tokenizer(config.context, config.tasks).save_pretrained(folder)
    finally:
        if shown:
            logging.enable_progress_bar()


def load(folder: Path) -> LlamaForCausalLM:
    """Return the folder's model in float32, ready to score, without a bar."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return LlamaForCausalLM.from_pretrained(folder, dtype="float32").eval()
    finally:
        if shown:
            logging.enable_progress_bar()
