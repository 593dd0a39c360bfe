"""Tiny models on disk, written without transformers."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from optimerge.checkpoint.dtypes import FLOATS
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.read import TensorReader

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
}

Tensors = dict[str, torch.Tensor]


def load_all(checkpoint: Checkpoint, dtype: str | None = None) -> Tensors:
    """All tensors by name, floats cast to `dtype` (torch's name) if it is given."""
    found = {}
    with TensorReader(checkpoint) as reader:
        for name, info in checkpoint.tensors.items():
            tensor = reader.read(name)
            floats = dtype and info.dtype in FLOATS
            found[name] = tensor.to(getattr(torch, dtype)) if floats else tensor
    return found


def tiny_tensors(layers: int = 2, vocabulary: int = 12, head: bool = True) -> Tensors:
    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(torch.bfloat16)

    found = {"model.embed_tokens.weight": draw(vocabulary, 8), "model.norm.weight": draw(8)}
    for layer in range(layers):
        found[f"model.layers.{layer}.self_attn.q_proj.weight"] = draw(8, 8)
    if head:
        found["lm_head.weight"] = draw(vocabulary, 8)
    return found


@pytest.fixture
def tensors() -> Tensors:
    return tiny_tensors()


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a model folder and returns it."""

    def write(
        name: str = "m", tensors: Tensors | None = None, config: Mapping[str, Any] = {}
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        settings = {key: value for key, value in {**CONFIG, **config}.items() if value != "absent"}
        (folder / "config.json").write_text(json.dumps(settings))
        save_file(tiny_tensors() if tensors is None else tensors, folder / "model.safetensors")
        return folder

    return write


@pytest.fixture
def sharded(model: Callable[..., Path]) -> Path:
    """Return a model of two shards and an index."""
    folder = model("sharded")
    (folder / "model.safetensors").unlink()
    names = sorted(tiny_tensors())
    parts = {"model-00001-of-00002.safetensors": names[:2]}
    parts["model-00002-of-00002.safetensors"] = names[2:]
    for file, held in parts.items():
        save_file({name: tiny_tensors()[name] for name in held}, folder / file)
    weight_map = {name: file for file, held in parts.items() for name in held}
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def raw(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file of the given header and data bytes."""

    def write(header: Any, data: bytes = b"", length: int | None = None) -> Path:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        file = tmp_path / "raw.safetensors"
        file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
        return file

    return write
