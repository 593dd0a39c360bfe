"""The page of the messages for bad input, with exit codes and the error tree."""

import importlib
import inspect
from collections.abc import Iterator, Sequence

from docs.generate.markdown import anchor, code, docstring, heading, page, prose, slug, table
from docs.generate.messages import Message, messages
from docs.generate.sources import error_classes
from optimerge.cli import main
from optimerge.errors import OptimergeError

INTRODUCTION = """\
Every message that optimerge has for bad input, collected from its source. One sentence, on the
standard error stream, behind `Error:`; it names the file, the key, the value and the remedy. Search
this page for the words that do not change: where a value will stand, there is its {name} here.
What to do about those that are met most: [troubleshooting](../troubleshooting.md)."""

LONGEST_ANCHOR = 60


def errors() -> str:
    """Return the page."""
    found = messages()
    anchors = _anchors(found)
    return page(
        "Messages",
        INTRODUCTION,
        heading(2, "Exit codes"),
        docstring(inspect.getdoc(main)).partition("\n\n")[2],
        heading(2, "The error tree"),
        table(("class", "is", "of"), _tree()),
        *(text for room in _rooms(found) for text in _section(room, found, anchors)),
    )


def _rooms(found: Sequence[Message]) -> list[str]:
    return sorted({message.room for message in found})


def _section(room: str, found: Sequence[Message], anchors: dict[Message, str]) -> list[str]:
    lines = [_line(message, anchors[message]) for message in found if message.room == room]
    return [heading(2, room), docstring(_about(room)).partition("\n\n")[0], "\n".join(lines)]


def _about(room: str) -> str | None:
    name = "optimerge" if room == "optimerge" else f"optimerge.{room}"
    return importlib.import_module(name).__doc__


def _line(message: Message, name: str) -> str:
    return f"- {anchor(name)}{code(message.text)} ({message.error}, `{message.file}`)"


def _anchors(found: Sequence[Message]) -> dict[Message, str]:
    """Return an anchor for each message: its first words, numbered where two begin alike."""
    counts: dict[str, int] = {}
    anchors = {}
    for message in found:
        name = slug(f"error {message.text}")[:LONGEST_ANCHOR].strip("-")
        counts[name] = counts.get(name, 0) + 1
        anchors[message] = name if counts[name] == 1 else f"{name}-{counts[name]}"
    return anchors


def _tree() -> Iterator[tuple[str, str, str]]:
    """Yield each class with what it stands for, below the class that it is one of."""
    for name, found in sorted(error_classes().items(), key=lambda each: _line_of(each[1])):
        above = "" if found is OptimergeError else code(_line_of(found)[-2])
        yield code(name), prose((found.__doc__ or "").splitlines()[0]), above


def _line_of(found: type) -> list[str]:
    """Return the names of a class's ancestors in the tree, the root first, itself last."""
    return [c.__name__ for c in reversed(found.__mro__) if issubclass(c, OptimergeError)]
