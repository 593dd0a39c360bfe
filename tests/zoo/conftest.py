"""One tiny zoo a session: trained in about two seconds, never written to by a test."""

import pytest

from optimerge.zoo import TINY, Zoo, make_zoo


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return make_zoo(tmp_path_factory.mktemp("zoo") / "tiny", TINY)


@pytest.fixture
def nobody_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make any training an error."""
    from optimerge.zoo import create

    def refuse(*_: object) -> None:
        raise AssertionError("the zoo was made again")

    monkeypatch.setattr(create, "create", refuse)
