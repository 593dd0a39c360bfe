"""Importance of parameters, on studies of which it is known what decides."""

import random
from collections.abc import Iterator

import optuna
import pytest

from optimerge.errors import RunError
from optimerge.front.importance import FEWEST, importance

OBJECTIVES = {"maths": "maximize", "size": "minimize"}
FLOAT = optuna.distributions.FloatDistribution(0.0, 1.0)
METHOD = optuna.distributions.CategoricalDistribution(("linear", "ties"))


@pytest.fixture(scope="module", autouse=True)
def _hushed() -> Iterator[None]:
    kept = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(kept)


def made(count, values, every=3):
    """A study in which every third trial is of ties, which alone has a density."""
    study = optuna.create_study(directions=["maximize", "minimize"])
    draw = random.Random(0)
    for number in range(count):
        params = {"w": draw.random(), "idle": draw.random(), "method": "linear"}
        if number % every == 0:
            params |= {"method": "ties", "density": draw.random()}
        kinds = {name: METHOD if name == "method" else FLOAT for name in params}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=kinds, values=values(params))
        )
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
    return study


def known(params):
    return [3 * params["w"] + params.get("density", 0.0), 0.1 * params["w"] + params["idle"]]


@pytest.fixture(scope="module")
def study():
    return made(90, known)


@pytest.mark.parametrize("method", ["fanova", "pedanova"])
def test_what_decides_comes_first(study, method):
    maths = importance(study, OBJECTIVES, "maths", method)
    assert maths.weights[0].parameter == "w"
    assert {w.parameter for w in maths.weights} == {"w", "idle", "method", "density"}
    assert importance(study, OBJECTIVES, "size", method).weights[0].parameter == "idle"
    shares = [w.share for w in maths.weights]
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= 1 for share in shares)
    assert importance(study, OBJECTIVES, "maths", method) == maths  # by the seed


def test_a_conditional_parameter_is_judged_among_those_that_have_it(study):
    found = {w.parameter: w for w in importance(study, OBJECTIVES, "maths").weights}
    assert (found["density"].trials, found["density"].conditional) == (30, True)
    assert (found["w"].trials, found["w"].conditional) == (90, False)
    # of 3 w + density, density alone has a tenth of the variance, idle none
    assert found["idle"].share < found["density"].share < found["w"].share


def test_shares_of_pedanova_sum_to_one(study):
    found = importance(study, OBJECTIVES, "maths", "pedanova")
    assert sum(w.share for w in found.weights) == pytest.approx(1.0)


def test_pedanova_asks_for_the_good_end(study):
    """Only the lowest tenth of maths depends on idle; the best do not."""
    bad = made(90, lambda p: [min(p["w"], 0.0 if p["idle"] < 0.1 else 1.0), p["idle"]])
    found = {w.parameter: w.share for w in importance(bad, OBJECTIVES, "maths", "pedanova").weights}
    assert found["w"] > 3 * found["idle"]


def test_too_few_trials_are_one_clear_sentence():
    with pytest.raises(RunError, match=f"needs {FEWEST} complete trials of the space, there are 5; search on"):  # fmt: skip
        importance(made(5, known), OBJECTIVES, "maths")
    with pytest.raises(RunError, match="there are 0"):
        importance(made(0, known), OBJECTIVES, "maths")


def test_a_parameter_that_too_few_trials_have_is_not_judged():
    found = importance(made(40, known, every=4), OBJECTIVES, "maths", "pedanova")
    assert found.unknown == ("density",)
    assert "density" not in {w.parameter for w in found.weights}


def test_where_nothing_differs_nothing_decides():
    with pytest.raises(RunError, match="all 30 trials have the same maths"):
        importance(made(30, lambda p: [0.5, p["w"]]), OBJECTIVES, "maths")


@pytest.mark.parametrize("method", ["fanova", "pedanova"])
def test_a_parameter_of_one_value_decides_nothing(method):
    study = optuna.create_study(directions=["maximize", "minimize"])
    one = optuna.distributions.CategoricalDistribution(("ties",))
    for number in range(30):
        params = {"w": number / 30, "method": "ties"}
        kinds = {"w": FLOAT, "method": one}
        values = [float("inf") if number == 7 else params["w"], 0.0]
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=kinds, values=values)
        )
    found = importance(study, OBJECTIVES, "maths", method)
    assert {w.parameter: w.share for w in found.weights}["method"] == 0.0
    assert found.trials == 29


@pytest.mark.parametrize(("objective", "method", "word"), [("math", "fanova", "did you mean 'maths'"), ("maths", "shap", "fanova or pedanova")])  # fmt: skip
def test_what_is_not_there_is_refused(study, objective, method, word):
    with pytest.raises(RunError, match=word):
        importance(study, OBJECTIVES, objective, method)
