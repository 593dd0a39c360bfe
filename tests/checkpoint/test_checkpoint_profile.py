"""The profile of task vectors: which layers an expert changed, by how much."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint import profile as module
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.profile import kind_of, layer_profile
from optimerge.errors import CheckpointError


def changed(folder: Path, name: str, factors: dict[str, float], start: str = "base") -> None:
    """Write the model `name` as the base times a factor where a tensor's name holds the key."""
    weights = load_file(folder / start / "model.safetensors")
    for part, factor in factors.items():
        for key in weights:
            if part in key:
                weights[key] = weights[key] * factor
    save_file(weights, folder / name / "model.safetensors", metadata={"format": "pt"})


def profile(folder: Path) -> list[list[float]]:
    base, *experts = (open_checkpoint(n, folder) for n in ("base", "red", "blue"))
    return layer_profile(base, experts)


def test_planted_changes_are_measured_by_layer_expert_and_kind(family: Path) -> None:
    changed(family, "red", {"layers.1.self_attn": 1.5, "layers.3.mlp": 0.75})
    changed(family, "blue", {"layers.0.": 2.0, "layernorm": 9.0, "embed": 9.0, "lm_head": 9.0})
    assert profile(family) == [
        pytest.approx(row, abs=1e-6)
        for row in (
            # red attention, red mlp, blue attention, blue mlp
            [0.0, 0.0, 1.0, 1.0],
            [0.5, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 0.25, 0.0, 0.0],
        )
    ]


def test_parts_make_no_difference(family: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = profile(family)
    monkeypatch.setattr(module, "_PART", 7)
    assert profile(family) == [pytest.approx(row, rel=1e-6) for row in whole]


def test_a_weight_that_is_not_finite_is_named(family: Path) -> None:
    changed(family, "red", {"layers.2.mlp.up_proj": torch.nan})
    with pytest.raises(CheckpointError, match=r"'red': 'model.layers.2.mlp.up_proj.weight' or the"):
        profile(family)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.layers.0.self_attn.q_proj.weight", "attention"),
        ("model.layers.10.mlp.gate_proj.weight", "mlp"),
        ("model.layers.3.block_sparse_moe.experts.3.w1.weight", "mlp"),
        ("model.decoder.layers.1.fc1.weight", "mlp"),
        ("transformer.h.0.attn.c_attn.weight", "attention"),
        ("gpt_neox.layers.5.attention.dense.weight", "attention"),
        ("model.layers.2.linear_attn.in_proj.weight", "attention"),
        ("model.layers.2.feed_forward.w2.weight", "mlp"),
    ],
)
def test_kinds_go_by_names(name: str, kind: str) -> None:
    assert kind_of(name) == kind
