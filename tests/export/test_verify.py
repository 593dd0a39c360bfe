"""`optimerge export --verify`: equal, explained or unsound; nothing is left behind."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from optimerge.cli.main import run
from optimerge.cli.quiet import quiet
from optimerge.cli.verifying import lines
from optimerge.export import verify as verifying
from optimerge.export.compare import compare
from optimerge.export.recipe import export_text
from optimerge.export.verify import Verified, verify
from optimerge.search.budget import Stop, make_budget
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.session import Session, open_session
from optimerge.search.study import search
from optimerge.space.read import read_space

PROGRAM = """\
#!{python}
import sys
from optimerge.export.build import build
recipe, out, flag, seed = sys.argv[1:]
assert flag == "--random-seed"
build(recipe, out, seed=int(seed), mode="exact")
from safetensors.torch import load_file, save_file
file = out + "/model.safetensors"
tensors = load_file(file)
{change}
save_file(tensors, file, metadata={{"format": "pt"}})
"""
SPOILT = 'tensors["lm_head.weight"][0, 0] += 1'


class Nobody:
    def trial(self, trial: object) -> None: ...


@pytest.fixture
def session(family: Path, tmp_path: Path) -> Callable[[str], Session]:
    def searched(method: str) -> Session:
        file = family / "space.yaml"
        text = file.read_text().replace("dare_ties", method)
        file.write_text(text)
        with quiet(scoring=True):
            made = open_session(read_space(file), tmp_path / "run", device="cpu")
            budget = make_budget(14, None)
            search(made, budget, sampler_named("random"), Stop(), Nobody())
        return made

    return searched


@pytest.fixture
def no_mergekit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no program on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))


def program(folder: Path, change: str = "") -> Path:
    file = folder / "mergekit-yaml"
    paths = [p for p in sys.path if p]
    text = PROGRAM.format(python=sys.executable, change=change)
    file.write_text(text.replace("import sys\n", f"import sys\nsys.path[:0] = {paths!r}\n", 1))
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def verified(session: Session, folder: Path, change: str = "") -> Verified:
    trial = min(
        (t for t in session.run.trials() if not t.is_parent), key=lambda t: t.params["red.density"]
    )
    assert float(trial.params["red.density"]) < 0.9, "masks draw nothing at 1"
    file = folder / "recipe.yaml"
    file.write_text(export_text(session.run, trial, "test"))
    with quiet(scoring=True):
        found = verify(session, trial, file, program(folder, change))
    assert not list(folder.glob(".recipe*"))
    return found


def test_random_masks_differ_and_both_are_scored(session: Any, tmp_path: Path) -> None:
    found = verified(session("dare_ties"), tmp_path)
    assert found.built.same
    assert found.counted
    assert found.theirs is not None
    assert found.theirs.share > 0.1
    assert found.by_design
    assert found.repeated is True
    assert set(found.scores) == {"echo", "nonzero"}
    assert found.sound
    assert "as it must be" in "\n".join(lines(found))


@pytest.mark.slow
def test_what_is_not_random_is_equal_and_a_changed_entry_is_found(
    session: Any, tmp_path: Path
) -> None:
    made = session("ties")
    found = verified(made, tmp_path)
    assert found.sound
    assert not found.why.unexplained
    spoilt = verified(made, tmp_path, SPOILT)
    assert not spoilt.sound
    assert (spoilt.why.unexplained, spoilt.why.where) == (1, "lm_head.weight")
    assert "UNEXPLAINED: 1 entries, the first in lm_head.weight" in "\n".join(lines(spoilt))


def test_a_build_that_is_not_what_was_scored_is_found(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain = session("dare_ties"), verifying.build
    monkeypatch.setattr(verifying, "build", lambda file, out: plain(file, out, seed=77))
    assert not verified(made, tmp_path).sound


def test_nothing_is_left_after_an_interrupt(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verifying, "run_mergekit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verified(session("dare_ties"), tmp_path)
    assert not list(tmp_path.glob(".recipe*"))


@pytest.mark.usefixtures("no_mergekit")
def test_no_mergekit_is_said_in_one_sentence_before_anything_is_written(
    session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = session("dare_ties").run.folder
    assert run(["export", str(folder), "--verify"]) == 2
    assert "no mergekit-yaml is on PATH; install mergekit 0.1.5" in capsys.readouterr().err
    assert run(["export", str(folder), "--verify", "--mergekit", "nowhere"]) == 2
    assert "--mergekit nowhere: is no program" in capsys.readouterr().err
    assert not (folder / "recipe.yaml").exists()


@pytest.mark.usefixtures("no_mergekit")
def test_a_method_that_mergekit_lacks_is_verified_without_it(
    session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = session("ties_slack").run.folder
    assert run(["export", str(folder), "--verify", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "optimerge build against what was scored: all" in said
    assert said.endswith("mergekit cannot build the recipe: only `optimerge build` can\n")


def test_the_largest_difference_and_its_place_are_found() -> None:
    one = {"a": torch.zeros(4), "b": torch.ones(4), "c": torch.ones(2)}
    other = {"a": torch.zeros(4), "b": torch.tensor([1.0, 1.5, 1.0, 1.0]), "d": torch.ones(2)}
    found = compare("abcd", one.get, other.get)
    assert (found.tensors, found.equal, found.differing, found.largest) == (2, 1, 1, 0.5)
    assert (found.where, found.only, found.share) == ("b", ("c", "d"), 1 / 8)
    assert not found.same
    assert compare("a", one.get, one.get).same


def test_minus_zero_is_not_the_same_bits() -> None:
    assert not compare("a", {"a": torch.zeros(1)}.get, {"a": -torch.zeros(1)}.get).same
