"""The road from a search space to a checkpoint, as a user walks it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from scored_whole import score_all

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.cli.main import run
from optimerge.cli.quiet import quiet
from optimerge.merge.engine import load_model
from optimerge.objectives.make import make_objectives
from optimerge.objectives.protocol import Candidate
from optimerge.records.run import open_run
from optimerge.records.types import MergeStats
from optimerge.space.read import read_space

OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def optimerge(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "optimerge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=OFFLINE)


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return `optimerge` without a process of its own: ten times as fast."""

    def do(*arguments: object) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return do


@pytest.fixture(scope="module")
def finished(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Search the family once."""
    folder = tmp_path_factory.mktemp("runs") / "road"
    command = ["search", str(made_family / "space.yaml"), "--run-dir", str(folder)]
    with redirect_stdout(StringIO()) as stdout, redirect_stderr(StringIO()) as stderr:
        assert run([*command, "--trials", "12"]) == 0
    assert "Pareto front" in stdout.getvalue()
    (folder.parent / "stderr.txt").write_text(stderr.getvalue())
    return folder


class Interrupted(NamedTuple):
    """A search in a process of its own that was given Ctrl-C."""

    folder: Path
    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def interrupted(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    folder = tmp_path_factory.mktemp("interrupted")
    process = start(made_family / "space.yaml", folder, 4000)
    wait_for_trials(folder, 20, process)  # past the design, of which nothing waits any more
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    return Interrupted(folder, process.returncode, stdout, stderr)


def assert_begins_as_it_should(lines: list[str]) -> None:
    assert lines[0] == "reading model headers ..."
    assert lines[1].startswith("loading base and 2 experts (device tier: ")
    assert lines[2] == "building tasks ..."


def test_libraries_are_silent_on_the_screen(interrupted: Interrupted) -> None:
    """In a process that loads them all."""
    lines = interrupted.stderr.splitlines()
    assert_begins_as_it_should(lines)
    stopped = [line.startswith("stopping after this trial") for line in lines]
    assert sum(stopped) == 1
    told = [line for line, stop in zip(lines, stopped, strict=True) if not stop][3:]
    assert told
    assert all("/4000 trials" in line for line in told)  # a line a trial
    assert (interrupted.folder / "log.txt").read_text()


def test_the_last_line_says_that_all_is_done(finished: Path) -> None:
    lines = (finished.parent / "stderr.txt").read_text().splitlines()
    assert_begins_as_it_should(lines)
    assert len(lines) == 3 + 12  # a line a trial
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d 1/12 trials · base echo 0\.\d+ nonzero 0\.000 · .*", lines[3]
    )
    assert re.match(
        r"\d\d:\d\d:\d\d 12/12 trials · \d+ echo 0\.\d+ nonzero .* left, ends ", lines[-1]
    )
    assert "hypervolume" in lines[-1]
    assert (finished / "log.txt").read_text()


def test_status_counts_the_trials(finished: Path, here) -> None:
    done = here("status", finished)
    assert "trials: 12 complete" in done.stdout
    assert "no search is at work in it" in done.stdout
    assert "hypervolume: " in done.stdout


def test_the_front_as_json_holds_what_the_contract_says(finished: Path, here) -> None:
    members = json.loads(here("front", finished, "--format", "json").stdout)
    assert members
    for member in members:
        assert set(member) >= {"number", "name", "parent", "values", "params"}
        assert list(member["values"]) == ["echo", "nonzero"]
    csv = here("front", finished, "--format", "csv").stdout.splitlines()
    assert len(csv) == len(members) + 1


def test_the_table_marks_the_parents(finished: Path, here) -> None:
    text = here("front", finished).stdout
    for name, kind in (("base", "base"), ("red", "expert"), ("blue", "expert")):
        assert any(line.split()[:3] == [name, "◂", kind + ("," if "dominated" in line else "")] for line in text.splitlines())  # fmt: skip


def test_one_trial_is_shown_whole(finished: Path, here) -> None:
    text = here("show", finished, 5).stdout
    for word in ("trial 5", "echo: ", "red.weight = ", "merge_method: dare_ties", "differs from"):
        assert word in text
    assert here("show", finished, 99).returncode == 2


@pytest.mark.parametrize("device_mode", [[], ["--exact"]], ids=["fast", "exact"])
def test_what_is_built_from_the_export_scores_as_the_trial_did(
    made_family: Path, tmp_path: Path, device_mode: list[str]
) -> None:
    folder, out = tmp_path / "run", tmp_path / "built"
    space = made_family / "space.yaml"
    assert run(["search", str(space), "--run-dir", str(folder), "--trials", "9", *device_mode]) == 0
    merge = next(t for t in open_run(folder).trials() if t.origin == "sampler")
    recipe = tmp_path / "elsewhere" / "recipe.yaml"
    assert run(["export", str(folder), "--trial", str(merge.number), "-o", str(recipe)]) == 0
    assert run(["build", str(recipe), str(out)]) == 0
    with quiet(scoring=True):
        checkpoint = open_checkpoint(str(out))
        model = load_model(checkpoint)
        from transformers import AutoTokenizer

        read = read_space(space)
        objectives = make_objectives(
            read.objectives[:1],
            model,
            AutoTokenizer.from_pretrained(out),
            read.include_path,
            seed=read.search.seed,
        )
        stats = MergeStats(0, 0, 0, 0, 0)
        scores = score_all(objectives, Candidate(model, stats))
    assert scores["echo"].value == merge.scores["echo"].value
    assert scores["echo"].stderr == merge.scores["echo"].stderr
    assert same_tensors(out, folder, merge.number, space)


def same_tensors(out: Path, folder: Path, number: int | None, space: Path) -> bool:
    """Whether the checkpoint holds what the engine writes for that trial, bit for bit."""
    import torch
    from safetensors.torch import load_file

    from optimerge.recipe.read import parse_recipe
    from optimerge.recipe.write import with_references
    from optimerge.search.session import open_session
    from optimerge.space.settings import overridden

    exact = open_run(folder).info.exact
    session = open_session(overridden(read_space(space), exact=exact), folder, device="cpu")
    trial = next(t for t in session.run.trials() if t.number == number)
    places = {place: name for name, place in session.models.places.items()}
    session.engine.apply(with_references(parse_recipe(trial.recipe), places))
    built = load_file(out / "model.safetensors")
    live = session.engine.model.state_dict()
    return built.keys() == live.keys() and all(torch.equal(built[k], live[k]) for k in built)


def test_the_export_carries_its_evidence_and_is_the_same_each_time(finished: Path, here) -> None:
    first = here("export", finished, "--pick", "best:echo", "-o", "-").stdout
    assert optimerge("export", finished, "--pick", "best:echo", "-o", "-").stdout == first
    for word in ("# Exported by optimerge from run road", "echo: ", "30 items", "mergekit-yaml"):
        assert word in first


def test_picks_that_make_no_sense_are_refused(finished: Path, here) -> None:
    for pick, word in (("best:ecco", "'echo'"), ("kneee", "knee"), ("trial:99", "99")):
        done = here("export", finished, "--pick", pick, "-o", "-")
        assert done.returncode == 2
        assert word in done.stderr


def test_build_refuses_a_folder_that_is_in_use(finished: Path, tmp_path: Path, here) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep me")
    here("export", finished, "-o", tmp_path / "recipe.yaml")
    done = here("build", tmp_path / "recipe.yaml", tmp_path / "out")
    assert done.returncode == 2
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep me"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def start(space: Path, folder: Path, trials: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "optimerge", "search", space, "--run-dir", folder, "--trials", str(trials)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=OFFLINE,
    )  # fmt: skip


def wait_for_trials(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        journal = folder / "study.journal"
        if journal.exists() and journal.read_text().count('"recipe"') >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"no {count} trials: {process.communicate()[1]}")


@pytest.mark.slow
def test_a_killed_search_loses_no_finished_trial_and_goes_on(
    made_family: Path, tmp_path: Path
) -> None:
    space, trials = made_family / "space.yaml", 400
    process = start(space, tmp_path, trials)
    wait_for_trials(tmp_path, 15, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = [t for t in open_run(tmp_path).trials() if t.state == "complete"]
    assert len(before) >= 10
    more = str(len(before) + 5)
    assert run(["search", str(space), "--run-dir", str(tmp_path), "--trials", more]) == 0
    after = open_run(tmp_path).trials()
    assert after[: len(before)] == before
    assert [t.state for t in after] == ["complete"] * (len(before) + 5)


def test_ctrl_c_finishes_the_trial_and_exits_130(interrupted: Interrupted) -> None:
    assert interrupted.code == 130
    assert "stopping after this trial" in interrupted.stderr
    assert "Pareto front" in interrupted.stdout
    assert {t.state for t in open_run(interrupted.folder).trials()} == {"complete"}
