"""Objectives of packages in a space: named, their options checked, scored like any other."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.cli.main import run
from optimerge.errors import PluginError, RecipeError, RunError, TaskError, TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.kinds import make_objective
from optimerge.search.versions import plugins, refuse_other_plugins, versions
from optimerge.space.objective_kinds.plugin import PluginObjective
from optimerge.space.objectives import objective_name
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace
from optimerge.testing import tiny

MOOD = """
from typing import Annotated
from pydantic import Field
from optimerge.objectives.prompts_file import read_text
from optimerge.space.objective_kinds.named import NamedObjective

def make(context, *, level: Annotated[int, Field(ge=1, description="how high")] = 3,
         length: Annotated[float, Field(description="how long")] = 1.0):
    if level == 13:
        raise LookupError("bad luck")
    if level == 5:
        read_text("objective mood", "mood.txt", context)
    def score(candidate):
        if level == 7:
            raise ValueError("too high")
        return level * length, 0.5
    return score

OBJECTIVE = NamedObjective("mood", "how it feels", "maximize", "smiles", make)
"""
CLASH = """
def make(context, *, at_least: int = 1): ...
CLASH = NamedObjective("mood", "how it feels", "maximize", "", make)
"""
SPACE = """
merge_method: linear
base_model: base
models: [{model: red, parameters: {weight: {low: 0, high: 1}}}]
"""


def space_with(*objectives: Any) -> SearchSpace:
    return make_space(yaml.safe_load(SPACE) | {"objectives": list(objectives)}, Path("my.yaml"))


@pytest.fixture
def mood(install: Any) -> None:
    install("feelings", MOOD, {"objectives": {"mood": "OBJECTIVE"}})


def scorer(**spec: Any) -> Any:
    found = space_with({"plugin": "mood", **spec}).objectives[0]
    assert isinstance(found, PluginObjective)
    candidate = tiny.candidate()
    context = Context(candidate.model.config, tiny.tokenizer(), Path())
    return make_objective(found, context), candidate


@pytest.mark.usefixtures("mood")
def test_a_space_names_it_with_options_bounds_and_a_name_of_its_own() -> None:
    space = space_with(
        {"length": 2.5, "plugin": "mood", "at_least": 1},  # an option may be called as a kind is
        {"plugin": "mood", "name": "again", "optimize": False},
        {"sparsity": "l1"},
    )
    assert space.objective_names == ("mood", "again", "l1")
    assert [b.name for b in space.bounds] == ["mood >= 1"]
    first = space.objectives[0]
    assert isinstance(first, PluginObjective)
    assert first.options == {"length": 2.5}
    assert objective_name(pickle.loads(pickle.dumps(first))) == "mood"  # noqa: S301


@pytest.mark.usefixtures("mood")
@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"plugin": "moood"}, "my.yaml: objectives[0]: no installed package has an objective 'moood'; did you mean 'mood'?"),
        ({"plugin": "anger"}, "objectives[0]: no installed package has an objective 'anger'; known: mood"),
        ({"plugin": "mood", "levle": 2}, "objectives[0]: mood: objective 'mood' has no option 'levle'; did you mean 'level'?"),
        ({"plugin": "mood", "level": 0}, "objectives[0]: mood: level: input should be greater than or equal to 1 (it is 0)"),
        ({"plugin": "mood", "level": "high"}, "objectives[0]: mood: level: input should be a valid integer"),
        ({"plugin": 7}, "objectives[0].plugin: input should be a valid string (it is 7)"),
        ({"plugin": "mood", "at_least": 2, "at_most": 1}, "at_least 2 is above at_most 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(spec: Any, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        space_with(spec)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("mood")
def test_it_is_scored_and_described() -> None:
    objective, candidate = scorer(level=2, length=0.25)
    score = objective.score(candidate)
    assert (score.value, score.stderr, score.direction) == (0.5, 0.5, "maximize")
    assert objective.facts == "how it feels, in smiles (of feelings 1.2)"
    assert objective.digest == scorer(level=2, length=0.25)[0].digest
    assert objective.digest != scorer(level=2, length=0.5)[0].digest


@pytest.mark.usefixtures("mood")
def test_the_texts_that_it_reads_are_part_of_what_it_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    digests = set()
    for text in ("joy", "joy", "woe"):
        (tmp_path / "mood.txt").write_text(text)
        digests.add(scorer(level=5)[0].digest)
    assert len(digests) == 2


@pytest.mark.usefixtures("mood")
def test_what_it_raises_fails_the_trial_and_a_bad_start_the_search() -> None:
    objective, candidate = scorer(level=7)
    with pytest.raises(TrialError, match="objective 'mood': mood raised ValueError: too high"):
        objective.score(candidate)
    with pytest.raises(
        TaskError, match=r"mood of feelings 1\.2 cannot be made \(LookupError: bad luck\)"
    ):
        scorer(level=13)


def test_an_option_called_as_a_key_of_every_objective_is_refused(install: Any) -> None:
    install("feelings", MOOD + CLASH, {"objectives": {"mood": "CLASH"}})
    with pytest.raises(RecipeError, match="its option 'at_least' is a key of every objective"):
        space_with({"plugin": "mood"})


@pytest.mark.usefixtures("mood")
def test_the_list_has_it_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["objectives"]) == 0
    text = capsys.readouterr().out
    assert "plugin: mood  how it feels; maximize  (package feelings 1.2)\n" in text
    assert "perplexity: " in text
    assert run(["objectives", "mood", "length"]) == 0
    text = capsys.readouterr().out
    assert "\n  package: feelings 1.2\n  maximize, in smiles\n" in text
    assert "\n  level   3  integer  how high\n" in text
    assert "  keys: length, name, at_least" in text
    assert run(["objectives", "tsak"]) == 2


@pytest.mark.usefixtures("mood")
def test_a_run_is_told_the_package_and_its_version() -> None:
    assert versions(space_with({"plugin": "mood"}))["feelings"] == "1.2"
    assert "feelings" not in versions(space_with({"task": "gsm8k"}))


def test_a_run_with_a_name_that_two_have_is_refused(install: Any) -> None:
    install("calm", "", {"methods": {"linear": "X"}})
    with pytest.raises(PluginError, match=r"'linear': optimerge has one, and so has calm 1\.2"):
        plugins(space_with({"task": "gsm8k"}))


@pytest.mark.usefixtures("mood")
def test_a_run_goes_on_with_the_same_code_only(install: Any) -> None:
    now = plugins(space_with({"plugin": "mood"}))
    [(what, maker)] = now.items()
    assert what == "objective mood"
    assert re.fullmatch(r"feelings 1\.2 \(source [0-9a-f]{16}\)", maker)
    refuse_other_plugins(now, now, Path("run"))
    refuse_other_plugins({}, now, Path("run"))  # a run of before it was recorded
    with pytest.raises(RunError) as caught:
        refuse_other_plugins({what: "feelings 1.1 (source 00)"}, now, Path("run"))
    assert str(caught.value) == (
        "run: the objective mood of its trials is that of feelings 1.1 (source 00), and installed "
        f"is {maker}; install the first again, or give another --run-dir"
    )
    refuse_other_plugins({"sampler dice": "a 1"}, {"sampler dice": "a 2"}, Path("run"))
