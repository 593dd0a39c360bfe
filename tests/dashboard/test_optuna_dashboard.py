"""optuna-dashboard on the storage of a search: another's tool, started as a user starts it."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "search"))
from fake_search import Fake, Watcher, open_fake, told

from optimerge.records.keys import JOURNAL
from optimerge.records.run import Run
from optimerge.records.storage import open_database, open_journal
from optimerge.search.budget import Stop, make_budget
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.study import search

KINDS = ("journal", "sqlite")


def open_kept(kind: str, folder: Path) -> tuple[str, Any]:
    """Return what optuna-dashboard is told, and the storage."""
    if kind == "journal":
        return str(folder / JOURNAL), open_journal(folder / JOURNAL)
    url = f"sqlite:///{folder / 'study.db'}"
    return url, open_database(url)


def searched(storage: Any, trials: int) -> Run:
    session, stop = open_fake(storage, Fake()), Stop()
    search(session, make_budget(trials, None), sampler_named("random"), stop, Watcher(stop, None))
    return session.run


@contextmanager
def served(storage: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "optuna_dashboard._cli", storage, "--port", str(port), "--quiet"]
    with subprocess.Popen([*words, "--server", "wsgiref"], stderr=subprocess.PIPE) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def get(address: str) -> Any:
    for left in reversed(range(150)):
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            raise
        except OSError:
            if not left:
                raise
            time.sleep(0.2)
    raise AssertionError


@pytest.mark.parametrize("kind", KINDS)
def test_it_shows_the_objectives_by_name_and_each_trial_with_its_recipe(
    kind: str, tmp_path: Path
) -> None:
    place, storage = open_kept(kind, tmp_path)
    run = searched(storage, 8)
    with served(place) as url:
        studies = get(f"{url}/api/studies")["study_summaries"]
        (number,) = [each["study_id"] for each in studies if each["study_name"] == "search"]
        study = get(f"{url}/api/studies/{number}")
        (other,) = [each["study_id"] for each in studies if each["study_name"] == "parents"]
        parents = get(f"{url}/api/studies/{other}")
    assert study["directions"] == ["maximize", "maximize"]
    ours = {trial.number: trial for trial in run.trials() if trial.number is not None}
    shown = {each["number"]: each for each in study["trials"]}
    assert set(shown) - set(ours) == {0, 1, 2}, "points that build a parent"
    assert {trial.state for trial in ours.values()} >= {"complete", "failed"}
    for number, trial in ours.items():
        note = shown[number]["note"]["body"]
        assert re.findall("```yaml\n(.*?)\n```", note, re.DOTALL) == [trial.recipe.rstrip()]
        assert f"--trial {number} " in note
        assert all(f"- {n}: {s.value:.4f} ±" in note for n, s in trial.scores.items())
    notes = [each["note"]["body"] for each in parents["trials"]]
    assert [re.findall("--trial (\\S+) ", note) for note in notes] == [["base"], ["a"], ["b"]]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_notes_there_leaves_the_run_as_it_was(kind: str, tmp_path: Path) -> None:
    place, storage = open_kept(kind, tmp_path)
    run = searched(storage, 4)
    before = told(run)
    with served(place) as url:
        studies = get(f"{url}/api/studies")["study_summaries"]
        (study,) = [each["study_id"] for each in studies if each["study_name"] == "search"]
        trial = get(f"{url}/api/studies/{study}")["trials"][-1]
        body = {"body": "mine", "version": trial["note"]["version"] + 1}
        note = f"{url}/api/studies/{study}/{trial['trial_id']}/note"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(note, json.dumps(body).encode(), headers, method="PUT")
        assert urllib.request.urlopen(request, timeout=20).status == 204
        assert get(f"{url}/api/studies/{study}")["trials"][-1]["note"]["body"] == "mine"
    assert told(searched(open_kept(kind, tmp_path)[1], 4)) == before
