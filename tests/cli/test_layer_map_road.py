"""From a layer map to a checkpoint as a user walks it, in processes of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scored_whole import score_all
from transformers import AutoModelForCausalLM, AutoTokenizer

from optimerge.cli.quiet import quiet
from optimerge.objectives.make import make_objectives
from optimerge.objectives.protocol import Candidate
from optimerge.recipe.read import read_recipe
from optimerge.records.run import open_run
from optimerge.records.types import MergeStats
from optimerge.space.read import read_space

SPACE = """\
layer_map: {models: [red, blue], layers: 4, blocks: 2, repeats: 2}
objectives: [{task: echo, search_items: 30, test_items: 10}]
include_path: tasks
search: {trials: 6, seed: 1}
"""
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def optimerge(*arguments: object) -> str:
    command = [sys.executable, "-m", "optimerge", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=OFFLINE)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow  # five processes that load torch
def test_search_export_build_and_the_same_score(family: Path, tmp_path: Path) -> None:
    file, folder, recipe = family / "map.yaml", tmp_path / "run", tmp_path / "recipe.yaml"
    file.write_text(SPACE)
    optimerge("search", file, "--run-dir", folder)
    assert "trials: 6 complete" in optimerge("status", folder)
    assert json.loads(optimerge("front", folder, "--format", "json"))
    optimerge("export", folder, "--pick", "trial:4", "-o", recipe)
    optimerge("build", recipe, tmp_path / "out")
    written = read_recipe(recipe)
    assert written.base_model == written.references()[0], "else mergekit takes any model's config"
    assert set(written.model_dump(exclude_none=True)) - {"parameters"} == {
        *("merge_method", "base_model", "slices", "dtype", "out_dtype", "optimerge")
    }
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    assert model.config.num_hidden_layers == sum(
        part.sources[0].length for part in written.slices or ()
    )
    assert model.config.num_hidden_layers != 4
    trial = next(t for t in open_run(folder).trials() if t.name == "4")
    space = read_space(file)
    with quiet(scoring=True):
        objectives = make_objectives(
            space.objectives,
            model=model,
            tokenizer=AutoTokenizer.from_pretrained(tmp_path / "out"),
            include_path=space.include_path,
            seed=space.search.seed,
        )
        scores = score_all(objectives, Candidate(model, MergeStats(0.0, 0, 0, 0.0, 0.0)))
    assert scores["echo"].value == trial.scores["echo"].value
