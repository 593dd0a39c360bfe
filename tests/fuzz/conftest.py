from pathlib import Path

import pytest
from strange_models import make_model
from strange_runs import make_run


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder to copy and change."""
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a tokenizer, to copy and change."""
    return make_model(tmp_path_factory.mktemp("models") / "base")
