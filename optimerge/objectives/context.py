"""What an objective is made with; no weights, so that `check` makes the same ones."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Context:
    """The model's config and tokenizer, and where the space's files lie."""

    config: "PretrainedConfig"
    tokenizer: "PreTrainedTokenizerBase"
    folder: Path
    """What file names in the space are relative to."""
    allow_code: bool = False
    texts: list[str] = field(default_factory=list, compare=False)
    """What `read_text` has read with it so far: it belongs to what is scored."""

    @property
    def room(self) -> int:
        """Tokens of the model's context, as lm-eval finds them."""
        from lm_eval.models.utils import resolve_max_length

        return int(resolve_max_length(self.config, self.tokenizer))

    @property
    def vocabulary(self) -> int:
        """Entries of a row of logits."""
        return int(self.config.get_text_config().vocab_size)
