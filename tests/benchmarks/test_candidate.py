"""The benchmark of one candidate: what it gives the peers to merge, and what it counts."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.candidate import DONE, costs, cpu, recipes
from optimerge.recipe.read import read_recipe


def test_recipes_are_mergekits_with_models_that_are_there(
    made_family: Path, tmp_path: Path
) -> None:
    found = recipes(made_family / "space.yaml", 3)
    assert len(set(found)) == 3
    for text in found:
        data = json.loads(text)
        assert "optimerge" not in data
        assert all(Path(m["model"]).is_dir() for m in data["models"])
        file = tmp_path / "recipe.yaml"
        file.write_text(text)
        assert read_recipe(file).merge_method == "dare_ties"


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("04:35:09 5/14 trials · 1 gsm8k 0.590 humaneval 0.910 · 78/min", True),
        ("04:35:06 2/14 trials · add gsm8k 0.940 humaneval 0.540 · 143/min", False),
        ("candidate 3 is done", True),
        ("building tasks ...", False),
    ],
)
def test_merges_are_counted_and_parents_are_not(line: str, counts: bool) -> None:
    assert bool(DONE.search(line)) == counts


BURN = "import time, sys\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
MARK = 'print("candidate {} is done", file=sys.stderr, flush=True)\n'


def test_a_candidate_costs_what_lies_between_two_of_them() -> None:
    code = BURN.format(0.3) + MARK.format(1) + BURN.format(0.5) + MARK.format(2)
    candidate, start = costs([sys.executable, "-c", code])
    assert 0.25 <= candidate <= 0.8  # 0.5, and how late each mark is read
    assert start + candidate >= 0.29


def test_processes_that_a_candidate_starts_are_counted() -> None:
    burn = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN.format(0.4)!r}])"
    with subprocess.Popen([sys.executable, "-c", burn + "; sys.stdin.read()"], stdin=-1) as process:
        watched = psutil.Process(process.pid)
        deadline = time.monotonic() + 60
        while watched.children() or cpu(watched) < 0.4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert process.stdin is not None
        process.stdin.close()


def test_a_loop_that_fails_is_shown_with_what_it_said() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        costs([sys.executable, "-c", "raise SystemExit('no such thing')"])
