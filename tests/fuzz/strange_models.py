"""A tiny model's folder, to be changed."""

import json
import struct
from pathlib import Path
from typing import Any

from optimerge.checkpoint.weights import SINGLE

DATA = Path(__file__).parents[1] / "data"
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 8,
    "vocab_size": 12,
    "layer_types": ["full_attention", "full_attention"],
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
    "auto_map": {"AutoConfig": "a.B"},
    "text_config": {"num_hidden_layers": 2, "vocab_size": 12},
}
TOKENIZER = json.loads((DATA / "golden/models/f32/base/tokenizer.json").read_text())
SETTINGS = json.loads((DATA / "golden/models/f32/base/tokenizer_config.json").read_text()) | {
    "added_tokens_decoder": {"0": {"content": "<a>", "special": True}},
    "extra_special_tokens": ["<b>"],
    "pad_token": {"content": "<c>", "lstrip": False},
    "chat_template": [{"name": "default", "template": "{{ messages }}"}],
}
HEADER = {
    "__metadata__": {"format": "pt"},
    "model.embed_tokens.weight": {"dtype": "BF16", "shape": [12, 2], "data_offsets": [0, 48]},
    "model.layers.0.q.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [48, 64]},
    "model.layers.1.q.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [64, 80]},
    "model.norm.weight": {"dtype": "BF16", "shape": [1], "data_offsets": [80, 82]},
}


def make_model(folder: Path) -> Path:
    """Write a tiny whole model with a tokenizer."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / SINGLE).write_bytes(file_of(HEADER, 82))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (folder / "tokenizer_config.json").write_text(json.dumps(SETTINGS))
    return folder


def file_of(header: Any, data: int) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)
