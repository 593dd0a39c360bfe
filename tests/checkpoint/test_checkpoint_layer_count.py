"""Models of another number of layers: kinds of attention, headers, what may stand together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.layer_count import (
    check_layers_fit,
    kinds_that_change,
    layer_kinds,
    resized,
    with_layers,
)
from optimerge.errors import CheckpointError

S, F = "sliding_attention", "full_attention"


@pytest.mark.parametrize(
    ("kinds", "layers", "expected"),
    [
        ([F, F], 4, [F] * 4),
        ([S, F, S], 2, [S, F]),
        ([S, F, S], 6, [S, F] * 3),
        ([S, S, F] * 2, 8, [S, S, F, S, S, F, S, S]),
        ([S, F, F], 2, [S, F]),
        ([S, F, F], 3, [S, F, F]),
        ([S, F, F], 4, None),
        ([F, S, S, S, S, F], 7, None),
        ([S, F], 3, None),
    ],
)
def test_kinds_go_by_place_and_go_on_where_there_is_a_pattern(
    kinds: list[str], layers: int, expected: list[str] | None
) -> None:
    assert layer_kinds(kinds, layers) == expected


def test_a_config_without_a_number_of_layers_gets_one_and_an_inner_one_is_changed() -> None:
    assert with_layers({"x": 1}, 5, "m") == {"x": 1, "num_hidden_layers": 5}
    data = {"text_config": {"num_hidden_layers": 2, "layer_types": [F, F]}}
    assert with_layers(data, 3, "m") == {
        "text_config": {"num_hidden_layers": 3, "layer_types": [F, F, F]}
    }
    assert data["text_config"]["num_hidden_layers"] == 2


def opened(family: Path) -> list[Checkpoint]:
    return [open_checkpoint(name, family) for name in ("base", "red", "blue")]


def configured(family: Path, name: str, **settings: Any) -> None:
    file = family / name / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def shallower(family: Path, name: str, layers: int) -> None:
    file = family / name / "model.safetensors"
    tensors = load_file(file)
    kept = {k: t for k, t in tensors.items() if not any(f".{n}." in k for n in range(layers, 4))}
    save_file(kept, file, metadata={"format": "pt"})
    configured(family, name, num_hidden_layers=layers)


def test_headers_of_another_depth_hold_as_many_layers(family: Path) -> None:
    base = open_checkpoint("base", family)
    large, small = resized(base, 7), resized(base, 1)
    assert (large.layers, small.layers) == (7, 1)
    layer = len([n for n in base.tensors if ".0." in n])
    assert len(large.tensors) - len(base.tensors) == 3 * layer
    assert large.bytes - base.bytes == (base.bytes - small.bytes)
    assert resized(base, base.layers).tensors.keys() == base.tensors.keys()


def test_models_of_another_depth_fit(family: Path) -> None:
    shallower(family, "blue", 2)
    check_layers_fit(opened(family), one_config=True)


def wider(family: Path) -> None:
    file = family / "blue" / "model.safetensors"
    tensors = load_file(file)
    name = "model.layers.2.mlp.down_proj.weight"
    tensors[name] = torch.zeros(16, 30)
    save_file(tensors, file, metadata={"format": "pt"})


def other_vocabulary(family: Path) -> None:
    file = family / "blue" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.embed_tokens.weight"] = torch.zeros(30, 16)
    save_file(tensors, file, metadata={"format": "pt"})


def theta(family: Path) -> None:
    configured(family, "blue", rope_parameters={"rope_type": "default", "rope_theta": 5.0})


def kinds(family: Path) -> None:
    for name in ("base", "red"):
        configured(family, name, layer_types=[S, F, S, F])
    configured(family, "blue", layer_types=[F, S, F, S])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (wider, "layer 2 is built otherwise than layer 0"),
        (other_vocabulary, "vocabularies of different size"),
        (theta, "another rope in their config.json"),
        (kinds, "other layer_types"),
    ],
)
def test_models_whose_layers_cannot_change_places_are_refused(
    family: Path, change: Callable[[Path], None], words: str
) -> None:
    change(family)
    with pytest.raises(CheckpointError, match=words) as caught:
        check_layers_fit(opened(family), one_config=True)
    assert "\n" not in str(caught.value)


def test_another_config_is_no_matter_where_the_base_gives_it(family: Path) -> None:
    theta(family)
    check_layers_fit(opened(family), one_config=False)


def test_other_special_tokens_and_context_lengths_are_no_matter(family: Path) -> None:
    configured(family, "blue", max_position_embeddings=128, eos_token_id=2)
    check_layers_fit(opened(family), one_config=True)


def test_whether_attention_depends_on_the_place(family: Path) -> None:
    assert not kinds_that_change(open_checkpoint("base", family))
    configured(family, "base", layer_types=[F, F, F, F])
    assert not kinds_that_change(open_checkpoint("base", family))
    kinds(family)
    assert kinds_that_change(open_checkpoint("base", family))
