"""What went wrong inside a candidate can be read in the run's log."""

from pathlib import Path
from typing import Any

import pytest

from optimerge.cli.quiet import quiet
from optimerge.search.candidate import attempt


def test_a_task_helper_that_raises_leaves_its_traceback_in_the_log(
    made_family: Path, tmp_path: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(made_family, tmp_path)
    (run,) = {run for each in session.evaluation.rounds for run, _ in each.parts}

    def no_such_page(doc: Any, results: Any) -> Any:
        raise LookupError("no such page")

    recipe = session.parent_recipe(session.models.base.reference)
    with monkeypatch.context() as patch, quiet(tmp_path / "log.txt", scoring=True):
        patch.setattr(run.task, "process_results", no_such_page)
        outcome = attempt(session, recipe)
    assert "its own code failed on the answers (LookupError: no such page)" in outcome.error
    log = (tmp_path / "log.txt").read_text()
    assert "Traceback" in log
    assert "in no_such_page" in log
    assert attempt(session, recipe).scored is not None
