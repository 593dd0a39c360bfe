"""A build that is killed at random points, and gone on with, writes what an undisturbed one does."""

import os
import random
import subprocess
import sys
from pathlib import Path

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
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def killed_at(recipe: Path, out: Path, mode: str, tensors: int | None) -> list[int]:
    """Build in a process of its own, kill -9 it once `tensors` are done; return what it printed."""
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
    assert child.wait() == (-9 if tensors is not None else 0)
    return done


def check(family: Path, tmp_path: Path, mode: str, kills: list[int]) -> None:
    recipe = family / "recipe.yaml"
    recipe.write_text(RECIPE)
    build(recipe, tmp_path / "whole", mode=mode, seed=11)  # type: ignore[arg-type]
    out = tmp_path / "killed"
    starts = []
    for point in kills:
        starts.append(killed_at(recipe, out, mode, point)[0])
        assert sorted(os.listdir(tmp_path)) == [".killed.partial", "family", "whole"]
    starts.append(killed_at(recipe, out, mode, None)[0])
    assert contents(out) == contents(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path)) == ["family", "killed", "whole"]
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[-1] > 0


def test_a_killed_build_goes_on_and_writes_the_same_bytes(family: Path, tmp_path: Path) -> None:
    """In exact mode: the random stream must go on too."""
    check(family, tmp_path, "exact", [14, 25])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_a_build_killed_many_times(family: Path, tmp_path: Path, mode: str) -> None:
    dice = random.Random(mode)
    points = sorted(dice.sample(range(3, 38), 6))
    check(family, tmp_path, mode, points)


@pytest.mark.parametrize("what", ["seed", "parent", "recipe"])
def test_what_a_build_of_something_else_left_is_not_used(
    family: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out = family / "recipe.yaml", tmp_path / "out"
    recipe.write_text(RECIPE)
    monkeypatch.setattr(writing, "MARK_BYTES", 3000)

    def stop(done: int, total: int) -> None:
        starts.append(done)
        if done == 20 and len(starts) < 30:
            raise KeyboardInterrupt

    starts: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        build(recipe, out, seed=1, progress=stop)
    if what == "parent":
        file = family / "red" / "model.safetensors"
        data = bytearray(file.read_bytes())
        data[-1:] = b"\x3e"  # one byte, where no sampled digest looks
        file.write_bytes(data)
    if what == "recipe":
        recipe.write_text(RECIPE.replace("0.3", "0.31"))
    starts.clear()
    build(
        recipe, out, seed=2 if what == "seed" else 1, progress=lambda done, _: starts.append(done)
    )
    assert starts[0] == 0
    build(recipe, tmp_path / "anew", seed=2 if what == "seed" else 1)
    assert contents(out) == contents(tmp_path / "anew")
