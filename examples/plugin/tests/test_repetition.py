"""The objective keeps the laws of objectives, and counts what it says it counts."""

from pathlib import Path
from typing import Any

import pytest
from optimerge_example.repetition import OBJECTIVE, repeated

from optimerge.space.objective_kinds.named import NamedObjective
from optimerge.testing.named_objectives import NamedObjectiveLaws


class TestRepetition(NamedObjectiveLaws):
    @pytest.fixture
    def named(self) -> NamedObjective:
        return OBJECTIVE

    @pytest.fixture
    def options(self, folder: Path) -> dict[str, Any]:
        (folder / "prompts.txt").write_text("w1 w2 w3\nw4 w5\nw6 w1 w4 w9\nw0\n")
        return {"prompts": "prompts.txt", "max_new_tokens": 24, "length": 2}


def test_what_was_said_before_is_counted() -> None:
    assert repeated([1, 2, 3, 4], 2) == 0
    assert repeated([1, 2, 1, 2, 1], 2) == 0.5
    assert repeated([1], 2) == 0
