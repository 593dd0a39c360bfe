"""`optimerge` alone: what is here, how far it is, what comes next; whatever is in the folder."""

import errno
import fcntl
import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cli_runs import made_run, optimerge, told

from optimerge.cli import first_screen as screen
from optimerge.cli.first_screen import first_screen
from optimerge.cli.here import runs_in
from optimerge.cli.main import cli
from optimerge.records.glance import glance
from optimerge.records.keys import LOCK
from optimerge.records.run import open_run
from optimerge.space.read import read_space


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_empty_folder_gets_the_demo_and_a_space_to_begin_with(here: Path) -> None:
    text = first_screen(Path())
    assert "\n  optimerge demo  all of it on four tiny models" in text
    assert "\n  optimerge search mine.yaml --hours 9  overnight" in text
    (here / "mine.yaml").write_text(screen.SPACE)
    shown = text.split("in a file mine.yaml,\n\n")[1].split("\n\nthen\n")[0]
    assert yaml.safe_load(shown) == yaml.safe_load(screen.SPACE)
    assert [o.task for o in read_space(here / "mine.yaml").objectives] == [  # type: ignore[union-attr]
        "gsm8k",
        "mmlu_abstract_algebra",
    ]


def test_search_spaces_that_were_not_searched_are_to_be_checked(here: Path) -> None:
    (here / "search_spaces").mkdir()
    (here / "search_spaces" / "my models.yaml").write_text(screen.SPACE)
    (here / "mine.yaml").write_text(screen.SPACE)
    (here / "tasks.yaml").write_text("task: gsm8k\n")
    (here / "recipe.yaml").write_text("merge_method: linear\nmodels: []\n")
    text = first_screen(Path())
    assert "\n  optimerge check mine.yaml  " in text
    assert "\n  optimerge check 'search_spaces/my models.yaml'\n" in text
    assert "tasks.yaml" not in text
    assert "recipe.yaml" not in text
    made_run(here / "runs" / "mine")
    assert "optimerge check mine.yaml" not in first_screen(Path())


def test_a_folder_of_locks_alone_is_no_run_unless_a_database_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPTIMERGE_STORAGE", raising=False)
    folder = here / "runs" / "mine"
    (folder / "workers").mkdir(parents=True)
    (folder / LOCK).touch()
    assert runs_in(here / "runs") == []
    (folder / "evidence").mkdir()
    assert runs_in(here / "runs") == [folder]
    (folder / "evidence").rmdir()
    monkeypatch.setenv("OPTIMERGE_STORAGE", "sqlite:///runs.db")
    assert runs_in(here / "runs") == [folder]


def state(here: Path, name: str = "mine") -> tuple[str, str]:
    return screen.state_of(Path("runs") / name, here)


def test_a_stopped_run_says_how_far_it_is_and_how_to_go_on(here: Path) -> None:
    (here / "mine.yaml").write_text(screen.SPACE)
    made_run(here / "runs" / "mine", trials=4, goal=200, space=str(here / "mine.yaml"))
    assert state(here) == ("stopped at 7 of 200 trials", "optimerge search mine.yaml")
    made_run(here / "runs" / "other", goal=200, space=str(here / "mine.yaml"))
    assert state(here, "other")[1] == "optimerge search mine.yaml --run-dir runs/other"
    made_run(here / "runs" / "moved", goal=200, space=str(here / "gone.yaml"))
    assert state(here, "moved")[1] == "optimerge search SPACE --run-dir runs/moved"


def test_a_run_without_a_goal_is_over_when_its_time_is(here: Path) -> None:
    now = datetime.now().astimezone()
    for name, ends in (("early", now + timedelta(hours=1)), ("late", now - timedelta(hours=1))):
        made_run(here / "runs" / name, goal=None, ends=ends.isoformat())
    assert state(here, "early")[0] == "stopped after 7 trials"
    assert state(here, "late")[0] == "finished, 7 trials; not tested, not exported"


def test_a_finished_run_goes_from_test_to_export_to_build(here: Path) -> None:
    import optuna

    run = made_run(here / "runs" / "mine")
    assert state(here) == ("finished, 7 trials; not tested, not exported", "optimerge test runs/mine")  # fmt: skip
    tests = optuna.create_study(study_name="test", storage=run.search._storage)
    tests.set_user_attr("looks", 1)
    tests.set_user_attr("looking", True)
    assert "; not tested, " in state(here)[0]
    tests.set_user_attr("looking", False)
    assert state(here) == ("finished, 7 trials; tested, not exported", "optimerge export runs/mine")
    (run.folder / "recipe.yaml").write_text("merge_method: linear\n")
    found = ("finished, 7 trials; tested, exported", "optimerge build runs/mine/recipe.yaml merged")
    assert state(here) == found


def test_a_run_that_a_process_holds_is_at_work(here: Path) -> None:
    run = made_run(here / "runs" / "mine", goal=200)
    with (run.folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        found = ("at work now, 7 of 200 trials", "optimerge status runs/mine")
        assert state(here) == found
    assert state(here)[0] == "stopped at 7 of 200 trials"


def test_a_glance_counts_as_the_run_itself_does(here: Path) -> None:
    run = made_run(here / "runs" / "mine")
    told(run, "search", "base", (0.1, 0.2, 0.3))  # a copy of a parent: counted once
    failed = run.search.ask()
    failed.set_user_attr("origin", "sampler")
    run.search.tell(failed, state=failed_state())
    withdrawn = run.search.ask()
    withdrawn.set_user_attr("was", "sampler")
    withdrawn.set_user_attr("origin", "withdrawn")
    run.search.tell(withdrawn, state=failed_state())
    run.search.ask()  # is running
    run.search.enqueue_trial({"a.weight": 0.5})
    seen = glance(run.folder)
    assert seen.finished == open_run(run.folder).finished() == 8
    assert seen.parents == ("base", "expert:math", "expert:code")
    assert not seen.tested


def failed_state() -> object:
    from optuna.trial import TrialState

    return TrialState.FAIL


def broken(folder: Path, how: str) -> None:
    journal = folder / "study.journal"
    if how == "nothing":
        journal.write_bytes(b"")
    elif how == "garbage":
        journal.write_bytes(b'\x00\xff{"op_code":' * 50)
    elif how == "nonsense":
        kinds = [{"op_code": n} for n in range(11)] + [
            {"op_code": 0, "study_name": 7},
            {"op_code": 2, "study_id": [], "user_attr": 3},
            {"op_code": 4, "study_id": 99, "user_attrs": [1]},
            {"op_code": 6, "trial_id": "x", "state": {}},
        ]
        journal.write_text("".join(f"{yaml.safe_dump(k)}" for k in kinds))
    elif how == "torn":
        journal.write_bytes(journal.read_bytes()[:-40])
    elif how == "a folder":
        journal.unlink()
        journal.mkdir()
        (folder / LOCK).touch()
    elif how == "another format":
        journal.write_text(journal.read_text().replace('"format":2', '"format":99'))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("nothing", "study.journal holds no run; it was never started, or is broken"),
        ("garbage", "study.journal holds no run"),
        ("nonsense", "study.journal holds no run"),
        ("torn", "finished, 7 trials"),
        ("a folder", "kept in a database, or not started"),
        ("another format", "the run has format 99, this optimerge reads 2"),
    ],
)
def test_a_broken_run_is_one_line_and_hides_no_other(here: Path, how: str, said: str) -> None:
    made_run(here / "runs" / "whole")
    broken(made_run(here / "runs" / "mine").folder, how)
    lines = first_screen(Path()).splitlines()
    [line] = [line for line in lines if line.startswith("  mine: ")]
    assert said in line
    assert any(line.startswith("  whole: finished, ") for line in lines)


def test_a_journal_of_somebody_elses_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_run(here / "runs" / "mine")

    def refuse(*given: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    assert state(here) == ("study.journal cannot be read (Permission denied)", "")


def test_a_name_gives_the_terminal_no_orders(here: Path) -> None:
    made_run(here / "runs" / "red\x1b[31m")
    text = first_screen(Path())
    assert "\x1b" not in text
    assert "red\\u001b[31m: finished" in text


def test_of_many_runs_the_latest_are_shown(here: Path) -> None:
    for number in range(10):
        run = made_run(here / "runs" / f"r{number}", trials=0)
        os.utime(run.folder / "study.journal", (number, number))
    lines = first_screen(Path()).splitlines()
    names = [line.strip().split(":")[0] for line in lines if line.startswith("  r")]
    assert names == [f"r{n}" for n in range(9, 1, -1)]
    assert "  and 2 more" in lines


def test_looking_writes_nothing_and_ends_with_0(here: Path) -> None:
    made_run(here / "runs" / "mine")
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    done = optimerge(cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n  mine: finished, 7 trials; " in done.stdout
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_every_command_that_is_shown_is_one(here: Path) -> None:
    text = first_screen(Path())
    (here / "new.yaml").write_text(screen.SPACE)
    made_run(here / "runs" / "a", goal=99)
    made_run(here / "runs" / "b")
    shown = re.findall(r"^ +optimerge (\S+)", text + first_screen(Path()), re.MULTILINE)
    assert {"demo", "check", "search", "test"} <= set(shown) <= set(cli.commands)
