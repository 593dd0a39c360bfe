"""What a space says about objectives of every kind, and about their bounds."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import RecipeError
from optimerge.space.objectives import KINDS, ObjectiveSettings, objective_name
from optimerge.space.read import make_space
from optimerge.space.same import first_difference, fixed_part, space_digest
from optimerge.space.space import SearchSpace

SPACE = """
merge_method: linear
base_model: base
models: [{model: red, parameters: {weight: {low: 0, high: 1}}}]
"""


def space_with(*objectives: Any) -> SearchSpace:
    return make_space(yaml.safe_load(SPACE) | {"objectives": list(objectives)}, Path("my.yaml"))


WHOLE: dict[str, dict[str, Any]] = {
    "task": {"task": "gsm8k"},
    "sparsity": {"sparsity": "l1"},
    "perplexity": {"perplexity": "wiki.txt", "per": "byte", "context": 512, "stride": 256},
    "drift": {"drift": "prompts.txt", "to": "red", "max_tokens": 100, "chat_template": True},
    "length": {"length": "p.jsonl", "max_new_tokens": 64, "direction": "maximize"},
    "parameters": {"parameters": True},
    "function": {"function": "my.checks:rhymes", "direction": "maximize"},
}


def test_every_kind_is_read_and_has_a_name() -> None:
    assert [*WHOLE, "plugin"] == [*KINDS]  # which needs a package: tests/plugins
    space = space_with(*WHOLE.values())
    assert [type(spec) for spec in space.objectives] == list(KINDS.values())[:-1]
    assert space.objective_names == (
        "gsm8k",
        "l1",
        "perplexity",
        "drift",
        "length",
        "parameters",
        "rhymes",
    )


@pytest.mark.parametrize("kind", WHOLE)
def test_every_kind_has_a_name_bounds_and_may_be_only_watched(kind: str) -> None:
    more = {"name": "mine", "at_least": 1, "at_most": 2.5, "optimize": False}
    space = space_with({"task": "other"}, WHOLE[kind] | more)
    spec = space.objectives[1]
    assert isinstance(spec, ObjectiveSettings)
    assert objective_name(spec) == "mine"
    assert [b.name for b in space.bounds] == ["mine >= 1", "mine <= 2.5"]
    assert space.optimized == ("other",)
    assert [b.excess(2.0) for b in space.bounds] == [-1.0, -0.5]
    assert [b.excess(3.0) > 0 for b in space.bounds] == [False, True]
    assert [b.excess(0.5) > 0 for b in space.bounds] == [True, False]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"perplxity": "a.txt"}, "unknown key 'perplxity'; did you mean 'perplexity'?"),
        ({"name": "x"}, "no kind of objective is named; give one of task, sparsity, perplexity"),
        ({"drift": "p", "too": "base"}, "unknown key 'too'; did you mean 'to'?"),
        ({"drift": "p", "max_tokens": 0}, "max_tokens: input should be greater than or equal to 1"),
        ({"parameters": 3}, "parameters: input should be 'count' or True"),
        ({"function": "rhymes", "direction": "maximize"}, "write it as module:function"),
        ({"function": "a:b"}, "the key 'direction' is missing"),
        ({"length": "p", "direction": "down"}, "input should be 'minimize' or 'maximize'"),
        ({"perplexity": "a", "context": 8, "stride": 9}, "stride 9 is above context 8"),
        ({"sparsity": "l1", "at_least": 5, "at_most": 3}, "at_least 5 is above at_most 3; swap"),
        ({"sparsity": "l1", "at_lest": 5}, "unknown key 'at_lest'; did you mean 'at_least'?"),
        ({"task": "a", "at_most": float("inf")}, "at_most: input should be a finite number"),
        ({"task": "a", "optimize": "maybe"}, "optimize: input should be a valid boolean"),
    ],
)
def test_a_wrong_objective_is_one_sentence(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        space_with({"task": "t"}, wrong)
    message = str(caught.value)
    assert message.startswith("my.yaml: objectives[1]")
    assert words in message
    assert "\n" not in message


def test_something_must_be_optimised() -> None:
    with pytest.raises(RecipeError, match="all have `optimize: false`"):
        space_with({"task": "a", "optimize": False})


def test_the_constraints_are_in_the_order_of_the_file() -> None:
    space = space_with({"task": "b", "at_most": 9, "at_least": 0.125}, {"task": "a", "at_least": 1})
    assert [b.name for b in space.bounds] == ["b >= 0.125", "b <= 9", "a >= 1"]


def test_another_bound_is_another_space() -> None:
    old = space_with({"task": "a", "at_least": 0.5})
    for other in ({"at_least": 0.6}, {"at_most": 0.5}, {"at_least": 0.5, "optimize": True}, {}):
        assert space_digest(old.data) != space_digest(space_with({"task": "a", **other}).data)
    new = space_with({"task": "a", "at_least": 0.6})
    assert first_difference(fixed_part(old.data), fixed_part(new.data)) == (
        "objectives[0].at_least was 0.5 and is 0.6"
    )
