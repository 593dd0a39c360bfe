"""Options declared as keyword-only arguments: read whatever way annotations are written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import Field

from optimerge.errors import RecipeError
from optimerge.recipe.options import REQUIRED, checked, declared

if TYPE_CHECKING:
    from somewhere import Unknown


def late(
    given: Unknown,
    *,
    size: Annotated[int, Field(ge=2, description="how many")] = 20,
    word: Annotated[str, Field(description="which")],
    rate: float | None = None,
) -> Unknown:
    """Have annotations that are text, one of which names what is not there."""


def test_annotations_may_be_text_and_others_may_name_what_is_not_there() -> None:
    found = declared(late)
    assert [(o.name, o.kind, o.help) for o in found] == [
        ("size", "integer", "how many"),
        ("word", "name", "which"),
        ("rate", "number or none", ""),
    ]
    assert [o.default for o in found] == [20, REQUIRED, None]
    assert declared(partial(late, size=3))[0].default == 3


def test_only_what_is_given_is_returned() -> None:
    assert checked(late, {"word": "x", "size": 4}, "it", "here") == {"word": "x", "size": 4}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "here: the key 'word' is missing"),
        ({"word": "x", "size": 1}, "here: size: input should be greater than or equal to 2 (it is 1)"),
        ({"word": 7}, "here: word: input should be a valid string (it is 7)"),
        ({"wrod": "x"}, "here: it has no option 'wrod'; did you mean 'word'?"),
        ({"colour": "x"}, "here: it has no option 'colour'; known: size, word, rate"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(given: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        checked(late, given, "it", "here")
    assert str(caught.value) == says
