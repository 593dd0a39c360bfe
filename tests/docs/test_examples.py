"""The files in examples/ are what docs/machines.md shows, parse, run, and hold no secret."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from doc_blocks import ROOT, check_command, commands_in

from optimerge.cli.main import cli
from optimerge.cli.main import run as run_command
from optimerge.records.secrets import MASK, redacted_text

EXAMPLES = sorted(file for file in (ROOT / "examples").iterdir() if file.is_file())
DOCS = ROOT / "docs" / "machines.md"
SHELL = [file for file in EXAMPLES if file.suffix == ".sh"]
PLACES = {"--storage": "sqlite:///x", "--artifacts": "memory://x"}


def jobs() -> Iterator[Any]:
    for file in EXAMPLES:
        if file.suffix == ".yaml":
            yield from yaml.safe_load_all(file.read_text())


def all_commands() -> list[list[str]]:
    found = [c for file in SHELL for c in commands_in(file.read_text())]
    found += [c for c in commands_in(DOCS.read_text()) if c not in found]
    for job in jobs():
        found += [c["command"] for c in job["spec"]["template"]["spec"]["containers"]]
    return found


def test_there_are_examples_and_commands_in_them() -> None:
    names = {file.name for file in EXAMPLES}
    assert {"eight_gpus.sh", "slurm_array.sh", "kubernetes_job.yaml", "spot.sh"} <= names
    assert len(all_commands()) >= 9
    assert {words[1] for words in all_commands()} == {"check", "search", "status"}


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_is_one_that_optimerge_takes(words: list[str]) -> None:
    check_command(words)


def test_a_command_that_is_none_is_seen() -> None:
    [words] = commands_in("exec optimerge search mine.yaml --worker 8   # typo")
    with pytest.raises(click.UsageError, match="--worker"):
        cli.commands["search"].make_context("search", words[2:])


@pytest.mark.parametrize("words", [w for w in all_commands() if w[1] == "search"], ids=" ".join)
def test_every_search_passes_a_dry_run(
    words: list[str], made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = [PLACES.get(before, word) for before, word in pairwise(words[2:])]
    rest = [word.replace("/scratch", str(tmp_path)) for word in rest]
    assert run_command(["search", str(made_family / "space.yaml"), *rest, "--dry-run"]) == 0
    assert "\nsearch: random, " in capsys.readouterr().out


@pytest.mark.parametrize("file", SHELL, ids=lambda file: file.name)
def test_shell_files_parse(file: Path) -> None:
    done = subprocess.run(["bash", "-n", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(file, os.X_OK)


def test_the_job_is_one() -> None:
    [job] = jobs()
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    pod = job["spec"]["template"]["spec"]
    mounts = {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}
    assert pod["restartPolicy"] == "Never"  # what podFailurePolicy needs
    assert job["spec"]["completions"] == job["spec"]["parallelism"]


@pytest.mark.parametrize("file", [*EXAMPLES, DOCS], ids=lambda file: file.name)
def test_no_secret_stands_in_a_file(file: Path) -> None:
    text = file.read_text().replace("USER:PASSWORD@HOST", "HOST")
    assert redacted_text(text, {}) == text
    assert MASK not in text
    for name in ("KEY", "PASSWORD", "TOKEN", "SECRET"):
        assert not re.search(rf"\w*{name}\w*[=:]\s*[\w/+]+", text)


def test_a_secret_would_be_seen() -> None:
    assert redacted_text("postgresql://me:s3cret@db/runs", {}) != "postgresql://me:s3cret@db/runs"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_the_guide_shows_the_file_as_it_is(file: Path) -> None:
    assert f"\n{file.read_text()}```\n" in DOCS.read_text()
    assert f"(../examples/{file.name})" in DOCS.read_text()


STUB = """#!{python}
import os, signal, sys, time

from pathlib import Path
said = Path({said!r})
def say(text):
    with said.open("a") as file:
        file.write(text + "\\n")
say(" ".join(sys.argv[1:]) + "|" + os.environ.get("OPTIMERGE_STORAGE", ""))
heard = 0
def stop(*_):
    global heard
    heard += 1
    say(f"TERM {{heard}}")
signal.signal(signal.SIGTERM, stop)
if "search" in sys.argv:
    say("searching")
    while heard < int(os.environ.get("STOPS", "0")):
        time.sleep(0.01)
    sys.exit(143 if heard else 0)
"""


class Stubbed:
    """Runs a script with an optimerge that only says what it is told."""

    def __init__(self, folder: Path) -> None:
        self.said = folder / "said.txt"
        self.said.touch()
        stub = folder / "optimerge"
        stub.write_text(STUB.format(python=sys.executable, said=str(self.said)))
        stub.chmod(0o755)
        env = folder / "optimerge.env"
        env.write_text("OPTIMERGE_STORAGE=sqlite:///here\n")
        self.environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "OPTIMERGE_ENV": str(env),
            "NOTICE": "0.2",
        }

    def start(self, name: str, stops: int = 0) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [ROOT / "examples" / name, "my space.yaml"],
            env=self.environment | {"STOPS": str(stops)},
        )

    def lines(self) -> list[str]:
        return self.said.read_text().splitlines()

    def wait_for(self, line: str) -> None:
        deadline = time.monotonic() + 60
        while line not in self.lines():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize("file", SHELL, ids=lambda file: file.name)
def test_a_script_gives_the_space_and_the_storage_to_the_search(file: Path, tmp_path: Path) -> None:
    stubbed = Stubbed(tmp_path)
    assert stubbed.start(file.name).wait(60) == 0
    [search] = [line for line in stubbed.lines() if line.startswith("search ")]
    assert search.startswith("search my space.yaml --")
    storage = "" if file.name == "eight_gpus.sh" else "sqlite:///here"
    assert search.endswith(f"|{storage}")


@pytest.mark.parametrize(("name", "stops"), [("spot.sh", 1), ("spot.sh", 2), ("slurm_array.sh", 1)])
def test_the_end_of_a_machine_is_passed_on(name: str, stops: int, tmp_path: Path) -> None:
    """Once; and once more, where the trial is not finished in time."""
    stubbed = Stubbed(tmp_path)
    process = stubbed.start(name, stops)
    stubbed.wait_for("searching")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert [line for line in stubbed.lines() if line.startswith("TERM")] == [
        f"TERM {n + 1}" for n in range(stops)
    ]
