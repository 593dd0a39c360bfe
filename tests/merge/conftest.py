"""Families of tiny models of every architecture, each made once a session and only if asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from tiny_models import save_family

Family = Callable[..., Path]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Return a function (kind, tied) -> folder with base, red and blue; do not write to it."""
    transformers.utils.logging.disable_progress_bar()
    made: dict[tuple[str, bool, torch.dtype], Path] = {}

    def get(kind: str, tied: bool = False, dtype: torch.dtype = torch.float32) -> Path:
        key = (kind, tied, dtype)
        if key not in made:
            made[key] = save_family(tmp_path_factory.mktemp(kind), kind, tied, dtype)
        return made[key]

    return get
