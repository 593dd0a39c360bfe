"""The compiled kernels are built where there is a compiler, and left out where there is none."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import test_cpu
from hypothesis import given, settings

from optimerge.merge.kernels import library
from optimerge.merge.kernels.cpu import CompiledKernels

ROOT = Path(__file__).parents[3]
NATIVE = ROOT / "optimerge/merge/kernels/native"
FLAGS = ("-std=c++17", "-O1", "-ffp-contract=off", "-fno-trapping-math", "-Wno-psabi", "-fPIC")
pytestmark = pytest.mark.slow


def wheel(folder: Path, **environment: str) -> tuple[list[str], str]:
    """Build a wheel from a copy of the tree; return its files and all that was printed."""
    tree = folder / "tree"
    ignored = shutil.ignore_patterns("*.so", "build", "*.egg-info", ".*", "__pycache__")
    for part in ("optimerge", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md"):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, tree / part)
    run = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", ".", "-v", "--no-deps", "-w", str(folder)],
        cwd=tree, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    [made] = folder.glob("*.whl")
    return zipfile.ZipFile(made).namelist(), run.stdout


def test_without_a_compiler_it_installs_and_says_so_once(tmp_path: Path) -> None:
    files, printed = wheel(tmp_path, CC="/nonexistent", CXX="/nonexistent")
    assert printed.count("the compiled merge kernels are left out") == 1
    assert "optimerge/merge/kernels/cpu.py" in files
    assert not [name for name in files if name.endswith(".so")]


def test_with_a_compiler_the_library_is_installed_and_its_sources_are_not(tmp_path: Path) -> None:
    files, printed = wheel(tmp_path)
    assert "left out" not in printed
    assert [name for name in files if name.startswith("optimerge/merge/kernels/compiled.")]
    assert not [name for name in files if "native" in name]


def test_every_level_is_right_on_any_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All levels' code, compiled without their instructions: also what this processor lacks."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    assert compiler, "no C++ compiler found: install g++ or clang++"
    sources = [str(NATIVE / f"{name}.cpp") for name in ("library", "baseline", "v3", "v4")]
    made = tmp_path / "compiled.so"
    subprocess.run(
        [compiler, *FLAGS, "-DOPTIMERGE_ANYWHERE", "-shared", *sources, "-o", str(made)], check=True
    )
    monkeypatch.setattr(library, "_places", lambda: iter([made]))
    library.load.cache_clear()
    try:
        levels = library.available().levels
        assert levels == library.LEVELS
        all_kernels = [CompiledKernels(1, level) for level in levels]
    finally:
        library.load.cache_clear()

    @settings(deadline=None, max_examples=150)
    @given(test_cpu.hard_cases())
    def check(case: test_cpu.Case) -> None:
        for kernels in all_kernels:
            assert test_cpu.agrees(case, kernels, case.base), kernels.level

    check()
