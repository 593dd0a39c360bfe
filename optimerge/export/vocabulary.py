"""Writes the tokenizer and the chat template of a result into its folder."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.tokenizer_write import (
    read_chat_template,
    write_tokenizer,
    write_vocabulary_config,
)
from optimerge.merge.vocabulary import Vocabulary
from optimerge.recipe.chat_templates import AUTO, TEMPLATES
from optimerge.recipe.schema import Recipe


def write_vocabulary(vocabulary: Vocabulary, folder: Path) -> None:
    """Put the vocabulary's tokenizer into a folder that holds the base's side files."""
    write_tokenizer(vocabulary.tokenizer, folder)
    write_vocabulary_config(folder, vocabulary.rows, vocabulary.owner)


def chat_template(recipe: Recipe, checkpoints: Sequence[Checkpoint]) -> str | None:
    """Return the Jinja text that a recipe asks for; None: the tokenizer keeps what it has.

    `auto`: the commonest of the models' templates, of equally common ones the first model's;
    None if no model has one.
    """
    wanted = recipe.chat_template
    if wanted != AUTO:
        return wanted if wanted is None else TEMPLATES.get(wanted, wanted)
    found = [read_chat_template(checkpoint.path) for checkpoint in checkpoints]
    counted = Counter(text.strip() for text in found if text)
    # Counter keeps the order in which it met them, and so does most_common among equals.
    return counted.most_common(1)[0][0] if counted else None
