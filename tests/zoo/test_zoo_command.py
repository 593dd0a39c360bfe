"""`optimerge zoo` says what to train; nothing is trained here."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from optimerge.cli.zoo import command
from optimerge.zoo import DEFAULT, HARD, Zoo, ZooConfig
from optimerge.zoo import make as made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[ZooConfig]:
    found: list[ZooConfig] = []

    def make_zoo(directory: Path, config: ZooConfig, progress: object, *, from_cache: bool) -> Zoo:
        assert from_cache
        found.append(config)
        return Zoo(directory, config, {"base": 1.0}, 1.0, reused=False)

    monkeypatch.setattr(made, "make_zoo", make_zoo)
    return found


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ([], DEFAULT),
        (["--seed", "1"], replace(DEFAULT, seed=1)),
        (["--hard"], HARD),
        (["--hard", "--seed", "2"], replace(HARD, seed=2)),
    ],
)
def test_the_options_choose_the_zoo(
    tmp_path: Path, asked: list[ZooConfig], options: list[str], config: ZooConfig
) -> None:
    done = CliRunner().invoke(command, [str(tmp_path / "zoo"), *options])
    assert done.exit_code == 0, done.output
    assert asked == [config]


def test_the_hard_zoo_is_more_work_and_may_take_longer() -> None:
    assert HARD.tasks == ("add", "sort", "shift", "rank")
    assert HARD.work / DEFAULT.work == pytest.approx(6.7, abs=0.1)
    assert len({DEFAULT.digest(), HARD.digest()}) == 2
