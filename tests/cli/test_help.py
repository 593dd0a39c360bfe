"""Help texts: every command has examples that parse, every option a text with its default."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from optimerge.cli.group import CommandGroup
from optimerge.cli.main import cli, run
from optimerge.cli.sections import SECTIONS

NAMES = list(cli.commands)
MOST = 70
"""Characters of a command's line in the main help."""
AMERICAN = re.compile(r"\b\w*(?:(?:optimi|normali|summari|recogni|minimi|maximi)z|[Cc]olor)\w*")
NOT_BRITISH_BUT_NAMES = {"maximize", "minimize", "normalize", "optimize", "NO_COLOR", "FORCE_COLOR"}


def options() -> Iterator[tuple[str, click.Option]]:
    for name in NAMES:
        for parameter in cli.commands[name].params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                yield name, parameter


def examples(name: str) -> list[str]:
    """Return the command lines below "Example:" or "Examples:" of a command's help."""
    text = (cli.commands[name].help or "").replace("\b", "")
    _, _, after = text.partition("Example")
    found = (line.strip() for line in after.splitlines()[1:])
    return [line for line in found if line]


def texts() -> Iterator[tuple[str, str]]:
    yield "main", cli.help or ""
    for name in NAMES:
        yield name, cli.commands[name].help or ""
    for name, option in options():
        yield f"{name} {option.opts[-1]}", option.help or ""


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_is_an_imperative_sentence_that_fits(name: str) -> None:
    first = (cli.commands[name].help or "").split("\n\n")[0]
    assert first.endswith(".")
    assert "\n" not in first
    assert len(cli.commands[name].get_short_help_str(200)) <= MOST
    word = first.split()[0]
    assert word[0].isupper()
    assert not word.endswith(("s", "ing", "ed"))


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_a_command_line_that_is_taken(name: str) -> None:
    found = examples(name)
    assert found
    for line in found:
        inner = re.search(r"<\((.*)\)", line)
        words = shlex.split(inner[1] if inner else line, comments=True)
        assert words[0] == "optimerge"
        command = cli.commands[words[1]]
        with command.make_context(words[1], words[2:]) as context:
            assert context.command is command
    assert any(f"optimerge {name}" in line for line in found)


def test_an_example_that_is_none_is_seen() -> None:
    with pytest.raises(click.UsageError, match="--trails"):
        cli.commands["search"].make_context("search", ["mine.yaml", "--trails", "3"])


@pytest.mark.parametrize(
    ("name", "option"), [pytest.param(*o, id=f"{o[0]} {o[1].opts[-1]}") for o in options()]
)
def test_every_option_has_a_text_with_its_default(name: str, option: click.Option) -> None:
    text = option.help or ""
    assert text.rstrip().endswith(".")
    assert "default" not in text  # "Default: ..." is how it is said
    if not option.is_flag and not option.required:
        assert bool(option.show_default) != ("Default: " in text)


@pytest.mark.parametrize(("where", "text"), list(texts()), ids=lambda each: each[:20])
def test_words_are_british(where: str, text: str) -> None:
    assert set(AMERICAN.findall(text)) <= NOT_BRITISH_BUT_NAMES


def test_the_test_of_words_sees_one() -> None:
    assert AMERICAN.findall("it summarizes colors, optimises") == ["summarizes", "colors"]


def test_the_main_help_has_every_command_in_one_section(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for title, names in SECTIONS.items():
        below = text.split(f"\n{title}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in below.splitlines() if line[2] != " "] == list(names)
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(set(NAMES))
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serch", "x.yaml"], "no such command 'serch'; did you mean 'search'?"),
        (["qqq"], "no such command 'qqq'; `optimerge --help` lists the commands"),
        (["search", "x.yaml", "--trails", "3"], "--trials"),
        (["front", "runs/mine", "--frmat", "csv"], "--format"),
    ],
)
def test_what_is_misspelt_gets_a_suggestion(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    printed = capsys.readouterr()
    assert said in printed.err.splitlines()[-1]
    assert printed.out == ""


def test_a_command_of_another_package_may_join() -> None:
    group = CommandGroup(name="other")
    group.add_command(click.Command("more"), "more")
    assert group.get_command(click.Context(group), "more") is not None
    assert "more" in group.commands
    del group.commands["more"]
    assert "more" not in group.commands
