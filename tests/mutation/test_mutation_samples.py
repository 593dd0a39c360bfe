"""A few small faults planted in each room: the room's tests notice every one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEED = 0
COUNT = 6


@pytest.mark.slow
@pytest.mark.parametrize("room", ["recipe", "front", "merge"])
def test_no_fault_of_the_sample_survives(room: str) -> None:
    # A process of its own: this one has imported the package that is changed.
    command = [sys.executable, "-m", "benchmarks.mutation", room]
    ran = subprocess.run(
        [*command, f"--count={COUNT}", f"--seed={SEED}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    remedy = (
        "a fault that no test notices: write a test that does, or say in "
        "benchmarks/mutation/equivalents.yaml why none could (docs/mutation.md)"
    )
    assert ran.returncode == 0, f"{remedy}\n{ran.stdout}{ran.stderr[-2000:]}"
    assert f"{COUNT} tried" in ran.stdout
