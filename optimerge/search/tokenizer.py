"""The tokenizer that candidates are scored with."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from optimerge.checkpoint.code import FLAG
from optimerge.checkpoint.tokenizer_write import write_tokenizer
from optimerge.errors import CheckpointError
from optimerge.search.models import Models

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def load_tokenizer(models: Models) -> "PreTrainedTokenizerBase":
    """Return the base's tokenizer, or the one that the space names."""
    from transformers import AutoTokenizer

    if models.vocabulary is None:
        trusted = models.base.trust_code
        try:
            return AutoTokenizer.from_pretrained(models.base.path, trust_remote_code=trusted)
        except (ValueError, OSError, ImportError) as error:
            code = "" if trusted else f"; {FLAG} lets it run Python of its own, if it has any"
            raise CheckpointError(
                f"{models.base.reference}: transformers cannot load the tokenizer "
                f"({' '.join(str(error).split())[:200]}); copy or download its files again{code}"
            ) from error
    with TemporaryDirectory() as place:
        # The config says which class: transformers looks there when tokenizer_config does not.
        write_tokenizer(models.vocabulary.tokenizer, Path(place))
        shutil.copyfile(models.base.path / "config.json", Path(place) / "config.json")
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False)
