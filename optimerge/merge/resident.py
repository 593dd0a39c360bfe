"""Loads the model that candidates are written into, or only its outline."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimerge.checkpoint.architecture import is_head, is_token_embedding
from optimerge.checkpoint.code import FLAG, check_loading, code_of
from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import CheckpointError
from optimerge.merge.targets import find_targets
from optimerge.merge.tensor import torch_dtype
from optimerge.merge.vocabulary import Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CODE_ERRORS = (ImportError, OSError, SyntaxError)
"""What comes of a model's own Python that is not there, or not whole."""


def load_model(checkpoint: Checkpoint, dtype: str | None = None) -> "PreTrainedModel":
    """Load a language model, whole, in main memory, ready to score (no gradients).

    A model that also sees is loaded with its eyes; it answers text like any other. `dtype`: by
    torch's name, None: the checkpoint's. CheckpointError if transformers does not know the model.
    """
    kind, _ = _kind(checkpoint)
    model: PreTrainedModel = kind.from_pretrained(
        checkpoint.path,
        dtype=torch_dtype(dtype or checkpoint.dtype),
        trust_remote_code=checkpoint.trust_code,
        use_safetensors=True,
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
    made = type(config).from_dict(dict(data))
    made.name_or_path = config.name_or_path  # where a model's own code is looked for
    return made


def _outline(checkpoint: Checkpoint, kind: Any, config: Any) -> "PreTrainedModel":
    import torch

    heads_differ = any(map(is_head, checkpoint.merged)) and any(
        map(is_token_embedding, checkpoint.merged)
    )
    if heads_differ:  # transformers ties them only if they are equal, and then one is left out
        config.tie_word_embeddings = config.get_text_config().tie_word_embeddings = False
    with torch.device("meta"):
        made: PreTrainedModel = kind.from_config(config, trust_remote_code=checkpoint.trust_code)
    return made.eval()


def _unknown(checkpoint: Checkpoint, error: Exception) -> str:
    """Say why transformers makes no model of a config.json, and what to do."""
    code = ", ".join(code_of(checkpoint.path))
    if code and not checkpoint.trust_code:
        return (
            f"{checkpoint.reference}: transformers does not know the model type "
            f"{checkpoint.model_type!r} without code of the model's own ({code}), so it cannot be "
            f"merged in place; read that code, and give {FLAG} if you trust it, or merge it by "
            "`optimerge build`, which runs none"
        )
    if isinstance(error, ValueError | KeyError) and not checkpoint.trust_code:
        return (
            f"{checkpoint.reference}: transformers does not know the model type "
            f"{checkpoint.model_type!r} without code of the model's own, so it cannot be merged "
            "in place; `optimerge build` can merge it"
        )
    said = " ".join(str(error).split())[:200]
    return (
        f"{checkpoint.reference}: transformers cannot make a model of the type "
        f"{checkpoint.model_type!r} ({type(error).__name__}: {said}), so it cannot be merged in "
        "place; `optimerge build` can merge it"
    )


def _kind(checkpoint: Checkpoint) -> tuple[Any, Any]:
    """Return transformers' auto class for this model, and its config."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
    )

    trusted = checkpoint.trust_code
    check_loading(checkpoint.reference, checkpoint.path, checkpoint.config, trusted=trusted)
    try:
        config = AutoConfig.from_pretrained(checkpoint.path, trust_remote_code=trusted)
    except (ValueError, KeyError, TypeError, AttributeError, *CODE_ERRORS) as error:
        raise CheckpointError(_unknown(checkpoint, error)) from error
    own = getattr(config, "auto_map", None) or {}
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING or (trusted and "AutoModelForCausalLM" in own):
        return AutoModelForCausalLM, config
    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return AutoModelForImageTextToText, config
    raise CheckpointError(
        f"{checkpoint.reference}: a {checkpoint.architecture} is no causal language model, so it "
        "cannot be searched; name a model that AutoModelForCausalLM loads"
    )
