"""Bounds on a YAML text: each is reached, none is passed, before anything is built."""

import pytest
import yaml

from optimerge.recipe.yaml_limits import DEEPEST, MOST_VALUES, LimitError, check_limits


def test_the_tags_of_a_text_are_returned_resolved() -> None:
    assert check_limits("a: !function x\nb: !!int 3\nc: plain\n") == {
        "!function",
        "tag:yaml.org,2002:int",
    }
    assert check_limits("!mine {a: !list [1]}") == {"!mine", "!list"}


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_a_text_is_as_deep_as_its_deepest_collection(brackets: str) -> None:
    def nested(levels: int) -> str:
        inner = "[" * (levels - 1) + brackets + "]" * (levels - 1)
        return f"{inner}\n"

    check_limits(nested(4), deepest=4)
    with pytest.raises(LimitError, match="nested deeper than 4 levels"):
        check_limits(nested(5), deepest=4)


def test_collections_side_by_side_are_not_deep() -> None:
    check_limits("[[], [], [], {}, {}]", deepest=2)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x", 1),
        ("[a, b]", 3),
        ("{a: b}", 3),
        ("[&one a, *one, *one]", 4),
        ("[&two [a, b], *two]", 7),  # the outer list, 3 values, and the alias for 3
        ("[&in {a: b}, &out [*in, *in], *out]", 18),
        ("[&a x, &b [*a], *b]", 6),
    ],
)
def test_an_alias_counts_as_all_that_it_stands_for(text: str, values: int) -> None:
    check_limits(text, most_values=values)
    with pytest.raises(LimitError, match=f"more than {values - 1} values"):
        check_limits(text, most_values=values - 1)


def test_a_value_inside_itself_is_refused_where_it_stands() -> None:
    with pytest.raises(LimitError, match="'a' stands inside itself") as caught:
        check_limits("x: 1\ny: &a [*a]\n")
    assert caught.value.problem_mark is not None
    assert caught.value.problem_mark.line == 1


def test_an_unknown_alias_is_one_value_here_and_the_readers_to_refuse() -> None:
    check_limits("[*nobody]", most_values=2)
    with pytest.raises(LimitError):
        check_limits("[*nobody]", most_values=1)


def test_what_is_no_yaml_is_said_by_the_parser() -> None:
    with pytest.raises(yaml.MarkedYAMLError):
        check_limits("[")


def test_the_bounds_of_a_file() -> None:
    check_limits("[" * DEEPEST + "]" * DEEPEST)
    check_limits(f"[{'a,' * (MOST_VALUES - 1)}]")
    with pytest.raises(LimitError):
        check_limits("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    with pytest.raises(LimitError):
        check_limits(f"[{'a,' * MOST_VALUES}]")
