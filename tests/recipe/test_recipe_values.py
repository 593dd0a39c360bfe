"""What a parameter's value means for one tensor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimerge.errors import RecipeError
from optimerge.methods.protocol import Parameter
from optimerge.recipe.values import Filtered, Value, as_kind, coerce, interpolate

numbers = st.floats(-10, 10)


def value(data: object) -> Value:
    return Value.model_validate(data)


def test_a_plain_number_is_for_every_tensor() -> None:
    assert value(0.5).at("anything", 0.3) == 0.5


def test_the_first_filter_that_matches_decides() -> None:
    cases = value([{"filter": "mlp", "value": 1}, {"filter": "layers.0", "value": 2}, {"value": 3}])
    assert cases.at("model.layers.0.mlp.up_proj.weight", 0) == 1
    assert cases.at("model.layers.0.self_attn.q_proj.weight", 0) == 2
    assert cases.at("lm_head.weight", 0) == 3


def test_a_tensor_that_no_filter_matches_has_no_value() -> None:
    assert value({"filter": "mlp", "value": 1}).at("lm_head.weight", 0) is None


def test_a_star_matches_all() -> None:
    assert value([{"filter": "*", "value": 7}]).at("x", 0) == 7


@pytest.mark.parametrize(
    ("depth", "wanted"), [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.75, 0.5), (1.0, 0.0)]
)
def test_a_gradient_runs_linearly_over_the_layers(depth: float, wanted: float) -> None:
    assert interpolate([0, 1, 0], depth) == pytest.approx(wanted)


def test_names_and_switches_in_a_gradient_step() -> None:
    assert [interpolate([True, False], depth) for depth in (0, 0.5, 1)] == [True, True, False]


def test_texts_and_switches_are_what_the_parameter_takes_before_they_are_mixed() -> None:
    def number(given: object) -> float:
        return float(given)  # type: ignore[arg-type]

    assert value(["1e-1", True]).at("x", 0.5, number) == pytest.approx(0.55)
    steps = [interpolate([1, 0, "yes"], d, lambda g: as_kind(g, SWITCH, "")) for d in (0, 0.5, 1)]
    assert steps == [True, False, True]


def test_a_filtered_value_has_two_keys_and_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="valu"):
        value([{"filter": "mlp", "value": 1, "valu": 2}])
    case = value({"filter": "mlp", "value": 1}).cases[0]
    with pytest.raises(ValueError, match="frozen"):
        case.value = 2
    with pytest.raises(ValueError, match="frozen"):
        value(1).cases = ()


def test_a_value_may_be_made_of_its_cases() -> None:
    cases = (Filtered(filter="mlp", value=1), Filtered(value=2))
    assert Value(cases=cases).cases == cases


@pytest.mark.parametrize("mixed", [[1, {"value": 2}], [[1], 2]])
def test_a_list_is_a_gradient_or_filtered_values(mixed: object) -> None:
    with pytest.raises(ValueError, match=r"a list holds numbers .* or filtered values, not both"):
        value(mixed)


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (3, 3),
        ([1, 2], [1, 2]),
        ({"value": 3}, 3),
        ({"filter": "mlp", "value": 3}, [{"filter": "mlp", "value": 3}]),
        ([{"filter": "*", "value": 3}], [{"filter": "*", "value": 3}]),
        (
            [{"filter": "mlp", "value": [0, 1]}, {"value": 2}],
            [{"filter": "mlp", "value": [0, 1]}, {"value": 2}],
        ),
    ],
)
def test_the_plain_form_is_the_shortest(data: object, plain: object) -> None:
    assert value(data).plain() == plain


def test_the_largest_whole_number_is_one_that_a_float_holds() -> None:
    assert coerce(2**53, WHOLE, "") == 2**53
    assert coerce(-(2**53), WHOLE, "") == -(2**53)
    with pytest.raises(RecipeError, match="a whole number"):
        coerce(2**53 + 2, WHOLE, "")


@pytest.mark.parametrize("bound", [0, 1])
def test_bounds_are_legal(bound: float) -> None:
    assert coerce(bound, REAL, "") == bound


def test_an_empty_gradient_is_no_value() -> None:
    assert interpolate([], 0.5) is None


@given(st.lists(numbers, min_size=1, max_size=9), st.floats(0, 1))
def test_a_gradient_never_leaves_its_values(knots: list[float], depth: float) -> None:
    found = interpolate(list(knots), depth)
    assert isinstance(found, float)
    assert min(knots) - 1e-9 <= found <= max(knots) + 1e-9


@given(st.integers(2, 80))
def test_one_value_a_layer_gives_each_layer_its_own(layers: int) -> None:
    knots: list[bool | int | float | str] = [float(i) for i in range(layers)]
    found = [interpolate(knots, i / (layers - 1)) for i in range(layers)]
    assert found == pytest.approx(knots, abs=1e-9)


@given(st.recursive(numbers | st.booleans() | st.text(max_size=5), st.lists, max_leaves=5))
def test_plain_form_reads_back_the_same(data: object) -> None:
    try:
        first = value(data)
    except ValueError:
        return
    assert value(first.plain()) == first


REAL = Parameter("density", "", low=0, high=1)
WHOLE = Parameter("steps", "", kind="integer")
SWITCH = Parameter("normalize", "", kind="boolean")


@pytest.mark.parametrize(
    ("given", "parameter", "wanted"),
    [
        ("1e-3", REAL, 0.001),
        (1, REAL, 1.0),
        (True, REAL, 1.0),
        ("true", SWITCH, True),
        (0, SWITCH, False),
        (1.0, SWITCH, True),
        ("Off", SWITCH, False),
        (3.0, WHOLE, 3),
    ],
)
def test_coerce_reads_what_yaml_makes_of_numbers(
    given: str | float, parameter: Parameter, wanted: object
) -> None:
    assert coerce(given, parameter, "here") == wanted


@pytest.mark.parametrize(
    ("given", "parameter", "words"),
    [
        ("much", REAL, "must be a number"),
        (float("nan"), REAL, "must be a number"),
        (float("inf"), Parameter("weight", ""), "must be a number"),
        (2, SWITCH, "true or false"),
        (1.5, REAL, "between 0 and 1"),
        (2.5, WHOLE, "a whole number"),
        (float("inf"), WHOLE, "a whole number"),
        ("maybe", SWITCH, "true or false"),
    ],
)
def test_coerce_refuses_with_the_name_and_the_value(
    given: str | float, parameter: Parameter, words: str
) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        coerce(given, parameter, "models[0]")
    assert parameter.name in str(caught.value)
    assert "models[0]" in str(caught.value)
