"""What a terminal is shown and what a pipe is given: widths, colours, bars, encodings, ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import environment, in_terminal, made_run, optimerge
from rich.console import Console
from rich.text import Text

from optimerge.cli.bars import bar, talking_bar
from optimerge.cli.grid import Column, Grid, middle
from optimerge.cli.screen import WIDE, err, out, watched

LONG = "Qwen1.5-7B-Liberated-128k-tuned-on-everything-that-there-is-v2.1"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7])m")
ASCII = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    made_run(tmp_path / "runs" / "mine", trials=3, experts=("math", LONG))
    return tmp_path


def lines_of(text: str) -> list[str]:
    return ESCAPE.sub("", text).splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_table_keeps_within_the_terminal_and_loses_no_number(here: Path, width: int) -> None:
    lines = lines_of(in_terminal("front", "runs/mine", "--fast", width=width, cwd=here))
    text = "\n".join(lines)
    start = next(n for n, line in enumerate(lines) if line.startswith("trial"))
    table = [line for line in lines[start:] if not line.startswith("note:")]
    assert max(map(len, table)) <= width
    for head in ("maths ↑", "code ↑", "size ↓", "mean"):
        assert head in text
    assert "0.340 ±.020" in text
    assert text.count("0.600 ±.020") == 2
    assert (LONG in text) is (width >= 120)
    assert re.search(f"{LONG[:9]}.*{LONG[-9:]}", text)


def test_a_pipe_is_given_the_whole_table_without_colours(here: Path) -> None:
    done = optimerge("front", "runs/mine", "--fast", cwd=here, env={"TERM": "xterm-256color"})
    assert "\x1b" not in done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith(LONG))
    assert row.split()[:3] == [LONG, "◂", "expert"]
    assert "mean" in next(line for line in done.stdout.splitlines() if line.startswith("trial "))


def test_the_width_of_a_pipe_is_nobodys(here: Path) -> None:
    narrow = optimerge("front", "runs/mine", "--fast", cwd=here, env={"COLUMNS": "40"})
    assert narrow.stdout == optimerge("front", "runs/mine", "--fast", cwd=here).stdout


@pytest.mark.parametrize(
    ("env", "terminal", "coloured"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({}, False, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, True, False),
    ],
    ids=str,
)
def test_colours_are_for_terminals_and_for_whom_asks(
    here: Path, env: dict[str, str], terminal: bool, coloured: bool
) -> None:
    words = ("front", "runs/mine", "--fast")
    if terminal:
        said = in_terminal(*words, width=120, cwd=here, env=env)
    else:
        said = optimerge(*words, cwd=here, env={"TERM": "xterm-256color", **env}).stdout
    assert bool(COLOUR.search(said)) is coloured


def test_colours_asked_for_make_a_pipe_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "50")
    for console in (out(), err()):
        assert not watched(console)
        assert console.width == WIDE
        assert bar(console).disable
        assert talking_bar(console) is None


def test_a_list_is_folded_on_a_terminal_and_a_line_each_in_a_pipe() -> None:
    whole = optimerge("methods", "della").stdout
    folded = ESCAPE.sub("", in_terminal("methods", "della", width=60))
    assert "scale the rest to the L1 norm of the whole task vector\n" in whole
    assert folded.split() == whole.split()
    no_formula = [line for line in folded.splitlines()[3:] if "\\" not in line]
    assert max(map(len, no_formula)) <= 60


@pytest.mark.parametrize("env", ASCII, ids=str)
@pytest.mark.parametrize(
    "words",
    [
        ["front", "runs/mine", "--fast"],
        ["front", "runs/mine", "--all"],
        ["status", "runs/mine"],
        ["show", "runs/mine", "1"],
        ["methods"],
        ["samplers", "auto", "nsga2"],
        ["--help"],
        [],
    ],
    ids=" ".join,
)
def test_an_output_without_unicode_gets_what_looks_alike(
    here: Path, words: list[str], env: dict[str, str]
) -> None:
    done = optimerge(*words, cwd=here, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    plain = optimerge(*words, cwd=here, env={"PYTHONIOENCODING": "utf-8"}).stdout
    assert [len(line) for line in done.stdout.splitlines()] == [
        len(line) for line in plain.splitlines()
    ]
    if words[:1] == ["front"]:
        assert "0.600 ~.020" in done.stdout
        assert "maths ^" in done.stdout


@pytest.mark.parametrize("env", [{}, *ASCII], ids=str)
def test_a_run_of_any_name_is_shown(tmp_path: Path, env: dict[str, str]) -> None:
    folder = os.fsencode(tmp_path / "runs" / "mine")
    made_run(tmp_path / "runs" / "mine", trials=0)
    os.rename(folder, folder + b"-\xff-\xc3\xb6")  # no UTF-8, then an ö
    done = subprocess.run(
        [sys.executable, "-m", "optimerge"], cwd=tmp_path, env=environment(env), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\n  mine-\xff-" in done.stdout


def test_what_programs_read_is_utf_8_everywhere(tmp_path: Path) -> None:
    made_run(tmp_path / "runs" / "mine", trials=0, experts=("größe-模型",))
    for form in ("json", "csv", "md"):
        words = ("front", "runs/mine", "--all", "--format", form, "--fast")
        assert "größe-模型" in optimerge(*words, cwd=tmp_path, env=ASCII[0]).stdout


def test_an_error_has_no_character_that_cannot_be_written(tmp_path: Path) -> None:
    done = optimerge("status", "größe", cwd=tmp_path, env=ASCII[0])
    assert done.returncode == 2
    assert done.stderr.startswith("Error: gro?e: holds no run")
    assert done.stderr.isascii()


@pytest.mark.parametrize("words", [["methods"], ["--help"], ["front", "runs/mine", "--fast"], []])
def test_who_reads_only_the_start_hears_no_complaint(here: Path, words: list[str]) -> None:
    """As in `optimerge methods | head -1`."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "optimerge", *words],
        cwd=here,
        env=environment(None),
        stdout=write,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_broken_pipe_elsewhere_is_our_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from optimerge.cli import main

    def broken(arguments: list[str]) -> object:
        raise BrokenPipeError(32, "of a worker")

    monkeypatch.setattr(main, "_answered", broken)
    assert main.run(["methods"]) == 1
    assert "of a worker" in capsys.readouterr().err


def grid(names: list[str], columns: int) -> Grid:
    cells = [Text("0.123 ±.045") for _ in names]
    numbers = [Column(f"score{n} ↑", cells) for n in range(columns)]
    return Grid([Column("trial", [Text(n) for n in names], right=False), *numbers])


def test_columns_that_do_not_fit_go_below() -> None:
    packed = grid(["base", "1"], 6).packed(60)
    assert [len(columns) for columns in packed] == [5, 3]
    assert all(columns[0].head == "trial" for columns in packed)
    assert len(grid(["base", "1"], 6).packed(WIDE)) == 1


def test_a_screen_of_any_width_shows_every_cell() -> None:
    for width in (10, 20, 33, 60, 100):
        console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
        with console.file:
            console.print(grid([LONG, "2"], 3))
            text = console.export_text()
        if width >= 33:
            assert text.count("0.123 ±.045") == 6


@pytest.mark.parametrize("width", range(1, 30))
def test_the_middle_of_a_name_is_cut_to_the_width(width: int) -> None:
    cut = middle(Text("Qwen1.5-7B-Liberated-128k"), width)
    assert cut.cell_len == min(width, 25)
    assert width >= 25 or "…" in cut.plain
