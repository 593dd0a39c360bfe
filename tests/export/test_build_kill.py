"""A build that is killed at random points, and gone on with, writes what an undisturbed one does."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimerge.checkpoint import write as writing
from optimerge.export.build import build

RECIPE = """\
merge_method: dare_ties
base_model: base
models:
- {model: red, parameters: {weight: 0.5, density: 0.4}}
- {model: blue, parameters: {weight: 0.3, density: 0.6}}
dtype: float32
"""
CHILD = """
import sys
from pathlib import Path
from optimerge.checkpoint import write
from optimerge.export.build import build
write.MARK_BYTES = 3000
build(Path(sys.argv[1]), Path(sys.argv[2]), mode=sys.argv[3], seed=11,
      progress=lambda done, total: print(done, flush=True))
"""


def contents(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds but for the card and the note, which name the folder."""
    names = ("README.md", ".optimerge-build.json")
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.name not in names}


def kill_at(recipe: Path, out: Path, mode: str, tensors: int) -> int:
    """Build in a process of its own, kill -9 it once `tensors` are done; return where it began."""
    root = str(Path(writing.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(recipe), str(out), mode]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    done = []
    for line in child.stdout:
        done.append(int(line))
        if done[-1] == tensors:
            child.kill()
    child.stdout.close()
    assert child.wait() == -9
    return done[0]


def check(family: Path, tmp_path: Path, mode: Any, kills: list[int]) -> None:
    recipe, out = family / "recipe.yaml", tmp_path / "killed"
    recipe.write_text(RECIPE)
    starts = []
    for point in kills:
        starts.append(kill_at(recipe, out, mode, point))
        assert sorted(os.listdir(tmp_path)) == [".killed.partial", "family"]
    seen: list[int] = []
    build(recipe, out, mode=mode, seed=11, progress=lambda done, _: seen.append(done))
    starts.append(seen[0])
    build(recipe, tmp_path / "whole", mode=mode, seed=11)
    assert contents(out) == contents(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path)) == ["family", "killed", "whole"]
    assert starts == sorted(starts)
    assert starts[0] == 0 < starts[-1]


def test_a_killed_build_goes_on_and_writes_the_same_bytes(family: Path, tmp_path: Path) -> None:
    """In exact mode: the random stream must go on too."""
    check(family, tmp_path, "exact", [20])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_a_build_killed_many_times(family: Path, tmp_path: Path, mode: str) -> None:
    points = sorted(random.Random(mode).sample(range(3, 38), 6))
    check(family, tmp_path, mode, points)
