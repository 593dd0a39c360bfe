"""Reading YAML: bytes, tags and keys that are refused, and what is taken as text."""

from pathlib import Path

import pytest

from optimerge.errors import RecipeError
from optimerge.recipe.read import LARGEST_FILE, LONGEST_NUMBER, parse_yaml, read_recipe, read_yaml
from optimerge.recipe.write import dump_yaml


def refused(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_yaml(text, "my.yaml")
    return str(caught.value)


def test_a_file_may_be_as_large_as_the_bound_and_begin_with_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n".ljust(LARGEST_FILE, b"#"))
    assert read_yaml(file) == {"a": 1}
    file.write_bytes(b"a: 1\n".ljust(LARGEST_FILE + 1, b"#"))
    with pytest.raises(RecipeError, match=f"is no recipe: it has more than {LARGEST_FILE} bytes"):
        read_yaml(file)


def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is a folder; give a YAML file"):
        read_yaml(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(RecipeError, match=r"a\.yaml: is not UTF-8 text \(byte 3\)"):
        read_yaml(tmp_path / "a.yaml")
    with pytest.raises(RecipeError, match=r"a\.yaml/b: cannot be read: Not a directory"):
        read_yaml(tmp_path / "a.yaml" / "b")
    with pytest.raises(RecipeError, match=r"'a\\x00b': is no name of a file"):
        read_yaml(Path("a\0b"))


def test_of_a_run_folder_the_recipe_in_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is a folder; give a YAML file"):
        read_recipe(tmp_path)
    (tmp_path / "recipe.yaml").write_text("merge_method: linear\nmodels: [{model: a}]\n")
    with pytest.raises(RecipeError, match=f"is a folder; give the recipe in it, {tmp_path}/recipe"):
        read_recipe(tmp_path)
    with pytest.raises(RecipeError, match="is a folder; give a YAML file"):
        read_yaml(tmp_path)  # a search space may be wanted: a recipe is none
    with pytest.raises(RecipeError, match="cannot be read: File name too long"):
        read_recipe(tmp_path / ("a" * 5000))


def test_a_recipes_file_is_named_in_what_is_wrong_with_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("merge_method: linear\nmodels: [{model: a}]\n")
    assert read_recipe(file).references() == ("a",)
    file.write_text("merge_method: linear\nmodels: [{model: a}, {model: a}]\n")
    with pytest.raises(RecipeError, match=r"a\.yaml: models: the model 'a' is given twice"):
        read_recipe(file)


@pytest.mark.parametrize("text", ["", "3", "[1]", "text"])
def test_what_holds_no_keys_is_refused(text: str) -> None:
    assert refused(text) == "my.yaml: holds no keys; a recipe starts with `merge_method:`"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [", "my.yaml: line 3, column 1: "),
        ("a: 1\n  b: 2", "my.yaml: line 2, column 4: "),
        ("a: !!binary YQ==", "line 1, column 4: the tag 'tag:yaml.org,2002:binary' is not known"),
        ("a: !!omap []", "the tag 'tag:yaml.org,2002:omap' is not known here"),
        ("a: !!pairs []", "the tag 'tag:yaml.org,2002:pairs' is not known here"),
        ("a: !!set {}", "the tag 'tag:yaml.org,2002:set' is not known here"),
        ("a: !function x", "the tag '!function' is not known here"),
        ('a: "\\ud800"', "my.yaml: line 1, column "),
        ("a: '\ud800'", "surrogates not allowed"),
        ("a: !!bool x", "a value is not what its tag says"),
        ("a: !!int {a: 1}", "my.yaml: line 1, column 4: "),
        ('a: "\\0"', "line 1, column 4: half a character, or a zero byte, is no text"),
        ('"\\0": 1', "half a character, or a zero byte, is no text"),
        ("a: 1\n? [b]\n: 2", "line 2, column 3: the key of several values is not text"),
        ("1: 2", "line 1, column 1: the key 1 is not text"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' is given twice"),
        ("a: *b", "line 1, column 4: found undefined alias 'b'"),
        ("a: {b: &c [*c]}", "'c' stands inside itself"),
    ],
)
def test_odd_yaml_is_refused_where_it_stands(text: str, words: str) -> None:
    message = refused(text)
    assert words in message
    assert message.startswith("my.yaml: ")
    assert "\n" not in message


@pytest.mark.parametrize("digit", ["1", "0."])
def test_a_number_has_an_end(digit: str) -> None:
    longest = digit.ljust(LONGEST_NUMBER, "1")
    assert parse_yaml(f"a: {longest}", "")["a"] == float(longest) or digit == "1"
    assert f"a number of {LONGEST_NUMBER + 1} characters is too long" in refused(f"a: {longest}1")
    assert parse_yaml(f"a: '{longest}1'", "") == {"a": f"{longest}1"}


def test_a_day_is_text() -> None:
    assert parse_yaml("a: 2026-01-31", "") == {"a": "2026-01-31"}


def test_the_same_key_in_two_mappings_is_no_key_twice() -> None:
    assert parse_yaml("a: {x: 1}\nb: {x: 2, a: 3}", "") == {"a": {"x": 1}, "b": {"x": 2, "a": 3}}


def test_yaml_is_written_for_people() -> None:
    data = {"b": [1, 2], "a": "Größe", "c": {"d": [{"e": 1}]}, "f": [1, 2]}
    assert dump_yaml(data) == "b: [1, 2]\na: Größe\nc:\n  d:\n  - {e: 1}\nf: [1, 2]\n"
    same = [1, 2]
    assert dump_yaml([same, same]) == "- [1, 2]\n- [1, 2]\n"


def test_a_long_text_is_broken_into_lines() -> None:
    lines = dump_yaml({"a": "word " * 40}).splitlines()
    assert 80 < max(map(len, lines)) <= 100
