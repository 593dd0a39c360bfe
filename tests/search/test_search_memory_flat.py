"""A night's candidates take no more memory than the first dozen."""

import gc
import re
from pathlib import Path
from typing import Any

import pytest

from optimerge.objectives.protocol import Candidate

MOST = 6 << 20
"""Bytes: allocators keep a little; a cache kept for each of 200 candidates would be far more."""


def resident() -> int:
    gc.collect()
    text = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


@pytest.mark.slow
def test_memory_over_200_candidates_is_flat(
    made_family: Path, tmp_path: Path, opened: Any, record_property: Any
) -> None:
    session = opened(made_family, tmp_path)
    references = [c.reference for c in session.models.checkpoints]
    recipes = [session.parent_recipe(each) for each in references]

    def score(count: int) -> None:
        for number in range(count):
            stats = session.engine.apply(recipes[number % len(recipes)])
            assert session.evaluation.score(Candidate(session.engine.model, stats)).scores

    score(20)
    before = resident()
    score(200)
    grown = resident() - before
    record_property("grown", grown)
    print(f"memory grew by {grown / 2**20:.2f} MiB over 200 candidates")
    assert grown < MOST
