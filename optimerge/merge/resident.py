"""Loads the model that candidates are written into, or only its outline."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimerge.checkpoint.architecture import is_head, is_token_embedding
from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import CheckpointError
from optimerge.merge.targets import find_targets
from optimerge.merge.tensor import torch_dtype
from optimerge.merge.vocabulary import Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_model(checkpoint: Checkpoint, dtype: str | None = None) -> "PreTrainedModel":
    """Load a language model, whole, in main memory, ready to score (no gradients).

    A model that also sees is loaded with its eyes; it answers text like any other. `dtype`: by
    torch's name, None: the checkpoint's. CheckpointError if transformers does not know the model.
    """
    kind, _ = _kind(checkpoint)
    model: PreTrainedModel = kind.from_pretrained(
        checkpoint.path, dtype=torch_dtype(dtype or checkpoint.dtype), trust_remote_code=False
    )
    return model.eval().requires_grad_(False)


def resize(model: "PreTrainedModel", checkpoint: Checkpoint, rows: int) -> "PreTrainedModel":
    """Give embeddings and head that many rows; what is in new ones is overwritten by a merge.

    CheckpointError if transformers cannot.
    """
    import torch

    if any(map(is_head, checkpoint.merged)):
        # Resizing ties again what the config ties, also a head that was loaded with own weights.
        model.config.tie_word_embeddings = False
        model.config.get_text_config().tie_word_embeddings = False
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices):  # new rows are drawn from the global generator
        try:
            model.resize_token_embeddings(rows, mean_resizing=False)
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            raise _fixed(checkpoint, rows) from error
    live = model.state_dict()
    tables = [n for n in checkpoint.merged if is_head(n) or is_token_embedding(n)]
    if any(name in live and len(live[name]) != rows for name in tables):
        raise _fixed(checkpoint, rows)
    return model.requires_grad_(False)


def _fixed(checkpoint: Checkpoint, rows: int) -> CheckpointError:
    import transformers

    return CheckpointError(
        f"{checkpoint.reference}: transformers {transformers.__version__} cannot give the "
        f"embeddings and head of a {checkpoint.architecture} {rows} rows, so a merge with this "
        "tokenizer cannot be searched; leave out `tokenizer`, or merge it by `optimerge build`"
    )


def check_in_place(checkpoint: Checkpoint, vocabulary: Vocabulary | None = None) -> None:
    """Raise CheckpointError, in one sentence, if the model cannot be merged in place.

    `vocabulary`: the one that its embeddings are to be resized to, if they are. Only the outline
    of the model is made: no weights are read or allocated.
    """
    kind, config = _kind(checkpoint)
    made = _outline(checkpoint, kind, config)
    if vocabulary:
        made = resize(made, checkpoint, vocabulary.rows)
    find_targets(made, checkpoint, vocabulary)


def outline(checkpoint: Checkpoint) -> "PreTrainedModel":
    """Return the model that transformers makes of the headers given, on the meta device.

    The config is the one that `checkpoint` holds, which may be another than its folder's.
    """
    kind, config = _kind(checkpoint)
    return _outline(checkpoint, kind, config_like(config, checkpoint.config))


def config_like(config: Any, data: Mapping[str, Any]) -> Any:
    """Return the config that transformers reads from the data of a config.json; same class."""
    return type(config).from_dict(dict(data))


def _outline(checkpoint: Checkpoint, kind: Any, config: Any) -> "PreTrainedModel":
    import torch

    heads_differ = any(map(is_head, checkpoint.merged)) and any(
        map(is_token_embedding, checkpoint.merged)
    )
    if heads_differ:  # transformers ties them only if they are equal, and then one is left out
        config.tie_word_embeddings = config.get_text_config().tie_word_embeddings = False
    with torch.device("meta"):
        made: PreTrainedModel = kind.from_config(config, trust_remote_code=False)
    return made.eval()


def _kind(checkpoint: Checkpoint) -> tuple[Any, Any]:
    """Return transformers' auto class for this model, and its config."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
    )

    try:
        config = AutoConfig.from_pretrained(checkpoint.path, trust_remote_code=False)
    except (ValueError, KeyError) as error:
        raise CheckpointError(
            f"{checkpoint.reference}: transformers does not know the model type "
            f"{checkpoint.model_type!r} without code of the model's own, so it cannot be merged "
            "in place; `optimerge build` can merge it"
        ) from error
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return AutoModelForCausalLM, config
    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return AutoModelForImageTextToText, config
    raise CheckpointError(
        f"{checkpoint.reference}: a {checkpoint.architecture} is no causal language model, so it "
        "cannot be searched; name a model that AutoModelForCausalLM loads"
    )
