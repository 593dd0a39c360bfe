"""Layer groups found in the weights: once for a run, the same after a stop, plain in the export."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file, save_file

from optimerge.cli.main import run
from optimerge.errors import RecipeError
from optimerge.export.recipe import export_text
from optimerge.records.run import open_run
from optimerge.search import granularity
from optimerge.search.models import open_models
from optimerge.space.read import read_space


def planted(folder: Path, groups: str) -> Path:
    """Change red in layer 0 only, blue in layers 0 to 2 a little, and ask for `groups`."""
    for name, factors in (("red", (3.0, 1.0, 1.0, 1.0)), ("blue", (1.2, 1.2, 1.2, 1.0))):
        weights = load_file(folder / "base" / "model.safetensors")
        for layer, factor in enumerate(factors):
            for key in weights:
                if f"layers.{layer}." in key:
                    weights[key] = weights[key] * factor
        save_file(weights, folder / name / "model.safetensors", metadata={"format": "pt"})
    file = folder / "space.yaml"
    wanted = "{low: 0.0, high: 1.0, layer_groups: %s}" % groups  # noqa: UP031
    file.write_text(file.read_text().replace("{low: 0.0, high: 1.0}", wanted, 1))
    return file


def names(file: Path) -> list[str]:
    return [d.name for d in open_models(read_space(file)).space.dimensions]


def test_auto_cuts_where_the_experts_changes_part(family: Path) -> None:
    assert names(planted(family, "{auto: 3}"))[:3] == [
        "red.weight[layer 0]",
        "red.weight[layers 1-2]",
        "red.weight[layer 3]",
    ]


def test_each_counts_the_model_s_layers(family: Path) -> None:
    assert names(planted(family, "each"))[:4] == [f"red.weight[layer {n}]" for n in range(4)]


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ("{auto: 5}", "5 layer groups for 4 layers; give at most 4"),
        ("5", "5 layer groups for 4 layers; give at most 4"),
        ("[0, 2, 6]", "edges is 6 and the model has 4 layers; end the list with 4"),
    ],
)
def test_more_groups_than_layers_are_refused(family: Path, groups: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        names(planted(family, groups))
    assert words in str(caught.value)


def test_check_prints_the_groups(family: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(planted(family, "{auto: 3}"))]) == 0
    said = capsys.readouterr().out
    assert (
        "layer groups, auto 3, by how much the experts changed: layer 0, layers 1-2, layer 3"
        in said
    )
    assert "  red.weight[layers 1-2]: [0, 1]" in said
    assert "6 dimensions" in said


def test_a_resumed_run_has_the_same_groups_without_reading_weights_again(
    family: Path, tmp_path: Path, opened: Any, searched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(family, "{auto: 3}")
    session = opened(family, tmp_path)
    digest = session.run.info.digest
    first = searched(session, 5)

    def never(*_: object) -> None:
        raise AssertionError("the weights were read again")

    monkeypatch.setattr(granularity, "layer_profile", never)
    again = opened(family, tmp_path)
    rest = searched(again, 7)
    assert open_run(tmp_path).info.layer_groups == {"3": [0, 1, 3, 4]}
    assert again.run.info.digest == digest
    assert again.space.dimensions == session.space.dimensions
    assert len(first) == 5
    assert len(rest) == 2
    assert {frozenset(t.params) for t in [*first, *rest] if not t.is_parent} == {
        frozenset(d.name for d in session.space.dimensions)
    }


def test_the_export_is_a_gradient_with_one_value_a_layer(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    planted(family, "{auto: 3}")
    session = opened(family, tmp_path)
    trial = searched(session, 8)[-1]
    data = yaml.safe_load(export_text(session.run, trial, "last"))
    found = data["models"][0]["parameters"]["weight"]
    a, b, c = (trial.params[f"red.weight[{part}]"] for part in ("layer 0", "layers 1-2", "layer 3"))
    assert found == [a, b, b, c]
    assert len({a, b, c}) == 3
