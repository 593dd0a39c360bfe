"""Options of samplers in the space: declared once with the sampler, checked, passed on."""

from pathlib import Path
from typing import Any

import pytest
from test_external_samplers import space_with

from optimerge.errors import OptimergeError, RunError
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.search.samplers.named import Ask
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.testing.sampler_cases import space_named


def made(sampler: Any, folder: Path) -> Any:
    return chosen_sampler(space_with(sampler, folder)).make(Ask(space_named("numbers"), 0, 0))


def test_a_plain_name_means_the_defaults(tmp_path: Path) -> None:
    assert chosen_sampler(space_with("nsga2", tmp_path)) is SAMPLERS["nsga2"]
    assert chosen_sampler(space_with({"name": "nsga2"}, tmp_path)) is SAMPLERS["nsga2"]
    assert made("nsga2", tmp_path).population_size == 20


def test_an_option_reaches_the_sampler(tmp_path: Path) -> None:
    assert made({"name": "nsga2", "population_size": 30}, tmp_path).population_size == 30
    assert made({"name": "nsga3", "population_size": 12}, tmp_path).population_size == 12
    assert made({"name": "tpe", "multivariate": True}, tmp_path)._multivariate is True
    assert made({"name": "gp", "startup_trials": 4}, tmp_path)._n_startup_trials == 4
    found = made({"name": "cmaes", "sigma": 1, "population_size": None}, tmp_path)
    assert found._evolution.sigma == 1.0


@pytest.mark.parametrize(
    ("sampler", "says"),
    [
        ({"name": "nsga2", "population": 30}, "s.yaml: search.sampler: sampler 'nsga2' has no option 'population'; did you mean 'population_size'?"),
        ({"name": "nsga2", "population_size": 1}, "search.sampler: population_size: input should be greater than or equal to 2 (it is 1)"),
        ({"name": "nsga2", "population_size": "30"}, "search.sampler: population_size: input should be a valid integer (it is '30')"),
        ({"name": "nsga2", "population_size": True}, "population_size: input should be a valid integer"),
        ({"name": "random", "x": 1}, "sampler 'random' has no option 'x'; known: none"),
        ({"name": "nsga4"}, "sampler 'nsga4' is not known; did you mean 'nsga"),
        ({"population_size": 30}, "search.sampler: give the name of a sampler, or {name: NAME, OPTION"),
        (7, "search.sampler: give the name of a sampler, or {name: NAME, OPTION: VALUE, ...} (it is 7)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(sampler: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(OptimergeError) as found:
        chosen_sampler(space_with(sampler, tmp_path))
    assert says in str(found.value)
    assert "\n" not in str(found.value)


def test_more_objectives_than_a_sampler_can_take_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="'gp' takes at most 4 objectives, not 6"):
        chosen_sampler(space_with("gp", tmp_path, "six objectives"))
    assert chosen_sampler(space_with("auto", tmp_path, "six objectives"))
