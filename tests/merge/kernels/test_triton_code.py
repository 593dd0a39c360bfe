"""The kernels compile for an H200 without one: nothing is spilt, and memory is read 128 bits wide."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ARRAYS = 4
"""Base and three experts: one read each, of eight bfloat16 a thread."""
PLACES = 3
"""Reads of eight bytes, beside them, where entries are kept by rank."""

UNDIVIDED = ("task_arithmetic", "breadcrumbs")
"""Methods whose kernel has no division, and so no fused multiply-add."""
LAUNCHES = Path(__file__).with_name("triton_launches.py")


def codes(cache: Path, *arguments: str) -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu_static.py"), "--json", *arguments],
        env={**os.environ, "TRITON_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def check(found: dict[str, dict[str, float]]) -> None:
    for name, code in found.items():
        assert code["stack"] == code["spills"] == 0, name
        assert code["registers"] <= 80, name
        assert code["wide"] == ARRAYS, name
        assert code["narrow"] == (PLACES if name == "della" else 0), name
        assert code["instructions"] < 130, name
        assert bool(code["fused"]) == (name not in UNDIVIDED), name


def test_task_arithmetic_compiles_to_wide_reads_without_spills(tmp_path: Path) -> None:
    found = codes(tmp_path, "task_arithmetic")
    assert list(found) == ["task_arithmetic"]
    check(found)
    assert found["task_arithmetic"]["instructions"] < 45


@pytest.mark.slow
def test_every_method_compiles_to_wide_reads_without_spills(tmp_path: Path) -> None:
    found = codes(tmp_path)
    assert len(found) == 6
    check(found)


@pytest.mark.slow
def test_kernels_for_odd_sizes_spill_nothing_and_read_full_parts_wide(tmp_path: Path) -> None:
    for name, code in codes(tmp_path, "--tails", "ties").items():
        assert code["stack"] == code["spills"] == 0, name
        assert code["wide"] == ARRAYS, name
        assert code["narrow"], name  # the masked part's


@pytest.mark.slow
def test_launches_compile_as_a_gpu_would_be_given_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(LAUNCHES)],
        env={**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "float32 merge: 4 wide reads",
        "float32 totals: 0 wide reads",
        "float32 norms: 4 wide reads",
        "float16 merge: 2 wide reads",
        "float16 totals: 0 wide reads",
        "float16 norms: 2 wide reads",
        "int8, long rows merge: 1 wide reads",
        "int8, long rows totals: 0 wide reads",
        "int8, long rows norms: 0 wide reads",
        "int8, short rows merge: 1 wide reads",
        "int8, short rows totals: 0 wide reads",
        "int8, short rows norms: 0 wide reads",
        "unaligned merge: 0 wide reads",
        "unaligned totals: 0 wide reads",
        "unaligned norms: 0 wide reads",
    ]
