"""`module:Class`: any Optuna sampler, with consent where it is not Optuna's own code."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import OptimergeError
from optimerge.search.proposals import propose_point
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace
from optimerge.testing.sampler_cases import SPACES, outside, view
from optimerge.testing.sampler_laws import ORDINARY

CODE = """
from optuna.samplers import BaseSampler, RandomSampler
class Mine(RandomSampler):
    \"\"\"Draws at random.

    More of it.
    \"\"\"
    def __init__(self, seed=None, factor: float = 1.0):
        super().__init__(seed)
        self.factor = factor
    def sample_independent(self, study, trial, name, distribution):
        return distribution.low + self.factor * (super().sample_independent(study, trial, name, distribution) - distribution.low)
class Unseeded(RandomSampler):
    def __init__(self): super().__init__(3)
class Failing(RandomSampler):
    def sample_independent(self, *rest): raise LookupError("no way")
class NotASampler: pass
"""


def space_with(sampler: Any, folder: Path, space: str = "numbers") -> SearchSpace:
    recipe, objectives = SPACES[space]
    text = f"{recipe}\nobjectives: [{', '.join(objectives)}]"
    data = {**yaml.safe_load(text), "search": {"sampler": sampler}}
    return make_space(data, folder / "s.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    return tmp_path


@pytest.mark.parametrize(
    "sampler",
    [
        "optuna.samplers:TPESampler",
        {"name": "optuna.samplers:TPESampler", "multivariate": True, "n_startup_trials": 3},
        {"name": "optuna.samplers:QMCSampler", "scramble": True},
        "optuna.samplers:NSGAIIISampler",
        "optuna.samplers:BruteForceSampler",
    ],
)
def test_samplers_of_optuna_need_no_consent(sampler: Any, tmp_path: Path) -> None:
    space = "small" if "BruteForce" in str(sampler) else "numbers"
    made = chosen_sampler(space_with(sampler, tmp_path, space))
    made = pickle.loads(pickle.dumps(made))  # noqa: S301  # as it goes to the helper process
    now = view(space, ORDINARY if space == "numbers" else "cc")
    assert not outside(now.space, propose_point(now, made).params)


def test_an_option_reaches_the_constructor(folder: Path) -> None:
    sampler = {"name": "mine:Mine", "factor": 0.25}
    space = space_with(sampler, folder)
    made = chosen_sampler(space, allow_code=True)
    assert made.summary == "Draws at random."
    now = view("numbers")
    found = [propose_point(replace(now, space=space, seed=k), made).params for k in range(20)]
    assert max(p["a.weight"] for p in found) < 0.25
    assert len({p["a.weight"] for p in found}) == 20  # the seed does, too


def test_a_sampler_without_a_seed_is_made_without(folder: Path) -> None:
    space = space_with("mine:Unseeded", folder)
    assert chosen_sampler(space, allow_code=True).name == "mine:Unseeded"


def test_other_code_needs_consent_and_is_not_even_imported(folder: Path) -> None:
    (folder / "mine.py").write_text("raise SystemExit('imported')")
    with pytest.raises(OptimergeError, match=r"'mine:Mine' is Python code to run.*--allow-code"):
        chosen_sampler(space_with("mine:Mine", folder))


def test_a_file_called_optuna_is_not_taken_for_it(folder: Path) -> None:
    (folder / "optuna").mkdir()
    (folder / "optuna" / "samplers.py").write_text("raise SystemExit('imported')")
    (folder / "optuna.py").write_text("raise SystemExit('imported')")
    assert chosen_sampler(space_with("optuna.samplers:RandomSampler", folder))
    with pytest.raises(OptimergeError, match="is Python code to run"):
        chosen_sampler(space_with("optunahub.x:RandomSampler", folder))


@pytest.mark.parametrize(
    ("sampler", "says"),
    [
        ("nowhere:Mine", r"'nowhere:Mine': nowhere cannot be imported \(ModuleNotFoundError"),
        ("broken:Mine", r"'broken:Mine': broken cannot be imported \(ModuleNotFoundError"),
        ("mine:Mne", r"mine has no 'Mne'; did you mean 'Mine'\?"),
        ("optuna.samplers:Nothing", r"has no 'Nothing'; its samplers: .*TPESampler"),
        ("mine:NotASampler", r"is not a subclass of optuna\.samplers\.BaseSampler"),
        ("mine:BaseSampler", r"is not a subclass of optuna\.samplers\.BaseSampler"),
        ("mine:Failing", r"cannot propose a point of .*s\.yaml \(LookupError: no way\)"),
        ("optuna.samplers:CmaEsSampler", r"cannot propose a point of .*multi-objective"),
        ("optuna.samplers:GridSampler", r"cannot be made \(TypeError.*search_space"),
        ({"name": "mine:Mine", "factr": 1}, r"has no option 'factr'; did you mean 'factor'\?"),
        ({"name": "mine:Mine", "seed": 1}, r"leave out seed"),
        ({"name": "optuna.samplers:NSGAIISampler", "population_size": 1}, r"cannot be made"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(sampler: Any, says: str, folder: Path) -> None:
    with pytest.raises(OptimergeError, match=says) as found:
        chosen_sampler(space_with(sampler, folder), allow_code=True)
    assert "\n" not in str(found.value)
