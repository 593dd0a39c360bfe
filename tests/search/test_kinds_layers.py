"""Objectives of every kind on layer maps: what is scored is what is built, at any depth."""

from pathlib import Path
from typing import Any

import pytest
from scored_whole import score_all
from transformers import AutoModelForCausalLM

from optimerge.errors import RecipeError
from optimerge.export.build import build
from optimerge.export.recipe import export_text
from optimerge.objectives.protocol import Candidate
from optimerge.records.types import MergeStats

SPACE = """\
merge_method: passthrough
slices:
- sources: [{model: red, layer_range: [0, {low: 1, high: 4}]}]
- use: {choices: [false, true]}
  sources: [{model: blue, layer_range: [1, 4]}]
objectives:
- {task: echo, search_items: 10}
- {parameters: count, at_most: 10000}
- {drift: prompts.txt, to: red, optimize: false}
- {perplexity: prompts.txt, optimize: false}
- {length: prompts.txt, max_new_tokens: 6, optimize: false}
include_path: tasks
"""


@pytest.fixture
def spaced(family: Path) -> Path:
    (family / "space.yaml").write_text(SPACE)
    (family / "prompts.txt").write_text("w1 w2 w3 =\nw4 w5 =\nw7 w7 w1 w2 =\n")
    return family


def test_what_is_scored_is_what_is_built(
    spaced: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    session = opened(spaced, tmp_path / "run")
    trials = searched(session, 8)
    assert {t.state for t in trials} == {"complete"}
    red = next(t for t in trials if t.name == "red")
    assert red.scores["drift"].value == 0.0
    found = [t for t in trials if not t.is_parent]
    assert len({t.scores["parameters"].value for t in found}) > 1
    for number, trial in enumerate(found[:3]):
        assert trial.stats is not None
        assert trial.scores["parameters"].value == trial.stats.parameters
        assert trial.feasible == (trial.stats.parameters <= 10000)
        file = tmp_path / f"{number}.yaml"
        file.write_text(export_text(session.run, trial, "test"))
        build(file, tmp_path / f"out{number}")
        model = AutoModelForCausalLM.from_pretrained(tmp_path / f"out{number}").eval()
        stats = MergeStats(0.0, 0, 0, 0.0, 0.0)
        scores = score_all(session.evaluation.objectives, Candidate(model, stats))
        for name, score in scores.items():
            assert score.value == pytest.approx(trial.scores[name].value, rel=1e-6, abs=1e-9)


def test_drift_to_a_base_that_is_not_there_is_refused(spaced: Path, opened: Any) -> None:
    file = spaced / "space.yaml"
    file.write_text(file.read_text().replace(", to: red", ""))
    with pytest.raises(RecipeError, match="has no model 'base'; it has red, blue"):
        opened(spaced, spaced / "run")
