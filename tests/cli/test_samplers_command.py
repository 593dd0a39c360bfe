"""`optimerge samplers` lists what there is, at once; a space says which, with options."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimerge.cli.main import run
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.search.samplers.unrepeated import SpaceUsedUpError


def test_all_are_listed_with_paper_and_how_to_name_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["samplers"]) == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    for sampler in SAMPLERS.values():
        assert sampler.summary in lines[sampler.name]
        assert sampler.paper in lines[sampler.name]
    assert "sampler: optuna.samplers:TPESampler" in text


def test_one_is_shown_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["samplers", "nsga2", "random"]) == 0
    text = capsys.readouterr().out
    assert "  population_size  20  integer  points in a generation\n" in text
    assert "random: independent uniform draws" in text
    assert "no options" in text
    assert run(["samplers", "nsga"]) == 2
    assert "did you mean 'nsga" in capsys.readouterr().err


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from optimerge.cli.main import run; run(['samplers', 'cmaes', 'gp']);"
        "print([m for m in ('optuna', 'numpy', 'torch', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_check_names_the_sampler_and_refuses_a_wrong_option(
    family: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = family / "space.yaml"
    text = file.read_text()
    file.write_text(text.replace("sampler: random", "sampler: {name: nsga2, population_size: 6}"))
    assert run(["check", str(file)]) == 0
    assert "search: nsga2, 8 trials" in capsys.readouterr().out
    file.write_text(text.replace("sampler: random", "sampler: {name: nsga2, population_size: x}"))
    assert run(["check", str(file)]) == 2
    assert (
        "search.sampler: population_size: input should be a valid integer"
        in capsys.readouterr().err
    )


def test_a_search_runs_with_options_and_with_a_sampler_of_the_user_s(
    family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = family / "space.yaml"
    (family / "mine.py").write_text("from optuna.samplers import RandomSampler as Mine\n")
    search = ["search", str(file), "--run-dir", str(tmp_path / "run")]
    assert run([*search, "--sampler", "mine:Mine"]) == 2
    assert "give --allow-code" in capsys.readouterr().err
    assert run([*search, "--sampler", "mine:Mine", "--allow-code", "--trials", "6"]) == 0
    text = file.read_text()
    file.write_text(text.replace("sampler: random", "sampler: {name: nsga2, population_size: 2}"))
    assert run([*search, "--trials", "9"]) == 0
    assert "trials in" in capsys.readouterr().out


def test_a_used_up_space_ends_the_search_in_peace(
    family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def used_up(*_: Any, **__: Any) -> None:
        raise SpaceUsedUpError("s.yaml: all 12 points of the space have been tried")

    monkeypatch.setattr("optimerge.cli.searching.search", used_up)
    file, folder = str(family / "space.yaml"), str(tmp_path / "run")
    assert run(["search", file, "--run-dir", folder]) == 0
    printed = capsys.readouterr()
    assert "all 12 points of the space have been tried" in printed.err
    assert "0 trials in" in printed.out
