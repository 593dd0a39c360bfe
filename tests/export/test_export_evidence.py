"""The `optimerge:` block of an exported recipe: what it holds, and that a stranger's does no harm."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optimerge.checkpoint.reference import pinned
from optimerge.errors import RecipeError
from optimerge.export.recipe import export_text
from optimerge.recipe.read import parse_recipe
from optimerge.records.run import RunInfo
from optimerge.records.types import Score, Trial

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLACES = {"../base": "/zoo/base", "org/red@v1": f"org/red@{COMMIT}"}
INFO = RunInfo(
    space="",
    space_file="space.yaml",
    digest="",
    objectives={"echo": "maximize"},
    layers=4,
    seed=3,
    exact=True,
    items={"echo": "ab" * 16},
    versions={"torch": "2.13.0", "optimerge": "0.1.0"},
    plan="flat",
    models={"../base": {"config.json": "cd" * 16}, "org/red@v1": {"config.json": "ef" * 16}},
    places=PLACES,
)
RECIPE = f"""\
merge_method: ties
base_model: /zoo/base
models:
- {{model: org/red@{COMMIT}, parameters: {{weight: 0.5}}}}
optimerge: {{mode: exact, seed: 9}}
"""


def exported(info: RunInfo = INFO, name: str = "road", **more: Any) -> str:
    score = Score(value=0.5, stderr=0.1, items=25, direction="maximize", seconds=1.0)
    trial = Trial(
        7, "complete", "sampler", {}, RECIPE, {"echo": score}, constraints={"echo >= 0.4": -0.1}
    )
    run: Any = SimpleNamespace(name=name, folder=Path("runs/road"), info=info)
    return export_text(run, trial, "picked by knee", **more)


def test_all_that_is_known_of_the_trial_is_a_key() -> None:
    block = parse_recipe(exported()).block
    assert block.model_dump(exclude_defaults=True) == {
        "mode": "exact",
        "seed": 9,
        "run": "road",
        "trial": 7,
        "scores": {"echo": {"value": 0.5, "direction": "maximize", "stderr": 0.1, "items": 25}},
        "constraints": {"echo >= 0.4": -0.1},
        "items": {"echo": "ab" * 16},
        "search_seed": 3,
        "plan": "flat",
        "versions": {"torch": "2.13.0", "optimerge": "0.1.0"},
        "parents": {
            "/zoo/base": {"given": "../base", "files": {"config.json": "cd" * 16}},
            f"org/red@{COMMIT}": {
                "given": "org/red@v1",
                "revision": COMMIT,
                "files": {"config.json": "ef" * 16},
            },
        },
        "command": "optimerge build recipe.yaml merged --seed 9 --exact",
    }


def test_test_scores_stand_beside_the_flattered_ones() -> None:
    score = Score(value=0.4, stderr=0.1, items=99, direction="maximize", seconds=1.0)
    block = parse_recipe(exported(test={"echo": score})).block
    assert (block.scores["echo"].value, block.test_scores["echo"].value) == (0.5, 0.4)


def test_a_run_of_before_places_were_kept_knows_its_parents_by_the_end_of_the_path() -> None:
    old = RunInfo(**{**INFO.__dict__, "places": {}})
    parents = parse_recipe(exported(old)).block.parents
    assert parents["/zoo/base"].given == "../base"
    assert parents["/zoo/base"].files == {"config.json": "cd" * 16}


def test_the_same_bytes_from_another_process_and_folder(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_export_evidence as it; sys.stdout.write(it.exported())"
    )
    env = {"PYTHONHASHSEED": "77", "PYTHONPATH": ":".join(filter(None, sys.path)), "HOME": "/"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, check=True
    )
    assert done.stdout.decode() == exported()


def test_a_name_that_a_terminal_obeys_is_written_out() -> None:
    assert parse_recipe(exported(name="a\x1b[2J\nb")).block.run == "a\\u001b[2J\\u000ab"


def test_a_model_of_the_hub_is_pinned_to_its_commit() -> None:
    folder = Path(f"/cache/models--org--red/snapshots/{COMMIT}")
    assert pinned("org/red", folder) == f"org/red@{COMMIT}"
    assert pinned("org/red@v1", folder) == f"org/red@{COMMIT}"
    assert pinned("org/red", Path("/models/red")) == "org/red"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{trial: true}", "trial"),
        ("{scores: {a: {value: '0.5', direction: maximize}}}", "scores.a.value"),
        ("{scores: {a: {value: 0.5, direction: up}}}", "scores.a.direction"),
        ("{scores: [1]}", "scores"),
        ("{items: {a: xyz}}", "items.a"),
        ('{run: "a\\nb"}', "run"),
        ('{command: "\\e[2J"}', "command"),
        ("{parents: {a: {revision: main}}}", "parents.a.revision"),
        ("{scorse: {}}", "did you mean 'scores'"),
    ],
)
def test_a_block_that_no_optimerge_wrote_is_refused(block: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_recipe(RECIPE.partition("optimerge:")[0] + f"optimerge: {block}\n")


def test_a_block_of_before_reads_as_it_did() -> None:
    old = "optimerge: {mode: exact, seed: 3, run: mine, trial: 7, version: 0.1.0}\n"
    block = parse_recipe(RECIPE.partition("optimerge:")[0] + old).block
    assert (block.mode, block.seed, block.run, block.trial) == ("exact", 3, "mine", 7)
    assert block.scores == {}
