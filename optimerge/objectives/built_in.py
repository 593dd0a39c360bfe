"""Finds lm-eval's own tasks by name without reading all of its files as YAML.

`TaskManager()` parses 14,000 files, which takes ten seconds. Here their keys are looked for as
text (a second), and only the files of the names that are asked for are parsed, by lm-eval's own
code. A name that some file mentions beside such a key, but that is not found so, is looked up in
lm-eval's whole index.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_KEY = rb"""^["']?%s["']?[ \t]*:[ \t]*"""
_NAME = re.compile(
    _KEY % rb"(?:task|group)" + rb"""["']?([^\s"'#\[{][^\r\n"'#]*?)["']?[ \t]*(?:\#.*)?\r?$""", re.M
)
_LIST = re.compile(
    _KEY % rb"(tag|include)" + rb"([^\r\n]*)\r?\n((?:[ \t]*(?:-[^\r\n]*|\#[^\r\n]*)?\r?\n)*)", re.M
)
_WORD = re.compile(rb"""[^\s"',\[\]-][^\s"',\[\]]*""")
_SKIPPED = ("__pycache__", ".ipynb_checkpoints")
"""Folders that lm-eval does not look into."""
_OTHERS = (".py", ".pyc", ".md", ".json", ".jsonl", ".txt", ".csv", ".sh", ".ipynb", ".png")
"""Ends of names of files that no task file includes."""


@dataclass(frozen=True)
class Names:
    """What the files of a folder call themselves."""

    files: Mapping[str, Path]
    """The file of each task and group; of two files the first, as in lm-eval's index."""
    tags: Mapping[str, tuple[Path, ...]]
    """The files that seem to carry a tag."""


def folder() -> Path:
    """Return where lm-eval's tasks lie."""
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent


def add_built_in(index: dict[str, Any], name: str, *, thorough: bool = True) -> bool:
    """Add the entry of a built-in name to an index; False if there is none.

    Entries that the index has stay: local tasks go before lm-eval's. `thorough`: look a name that
    is not found, but mentioned, up in the whole index.
    """
    if name in index:
        return True
    known = names(folder())
    found = _parsed([known.files[name]] if name in known.files else known.tags.get(name, ()))
    if name not in found:
        found = dict(whole_index(folder())) if thorough and _mentioned(name) else {}
        if name not in found:
            return False
    entry = found[name]
    for each in (name, *(entry.tags if entry.kind.name == "TAG" else ())):
        index.setdefault(each, found[each])
    return True


def add_members(index: dict[str, Any], name: str) -> None:
    """Add what a group of the index, or a group in it, names and is built in."""
    waiting, seen = [name], set[str]()
    while waiting:
        each = waiting.pop()
        # A member that is not found may be defined on the spot.
        if each not in seen and add_built_in(index, each, thorough=False):
            waiting += members(index[each].cfg or {})
        seen.add(each)


def members(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of a group's members, those of groups that it defines on the spot too."""
    listed = config.get("task")
    for item in listed if "group" in config and isinstance(listed, list) else ():
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict) and "group" in item:
            yield str(item["group"])
            yield from members(item)
        elif isinstance(item, dict) and isinstance(item.get("task"), str):
            yield item["task"]


@cache
def names(place: Path) -> Names:
    """Return the tasks, groups and tags of the files under a folder."""
    found, own = dict[str, Path](), dict[Path, tuple[list[str], list[str]]]()
    for file in _files(place):
        text = file.read_bytes() + b"\n"
        lists: dict[str, list[str]] = {"tag": [], "include": []}
        for key, line, rest in _LIST.findall(text):
            words = _WORD.findall(re.sub(rb"#.*", b"", line + b"\n" + rest))
            lists[key.decode()] += [word.decode("utf-8", "replace") for word in words]
        own[file] = (lists["tag"], lists["include"])
        if file.suffix == ".yaml":
            for name in _NAME.findall(text):
                found.setdefault(name.decode("utf-8", "replace"), file)
    tags: dict[str, list[Path]] = defaultdict(list)
    for file in own:
        if file.suffix == ".yaml":
            for tag in _tags(file, own, frozenset()):
                tags[tag].append(file)
    return Names(found, {tag: tuple(files) for tag, files in tags.items()})


def _tags(
    file: Path, own: Mapping[Path, tuple[list[str], list[str]]], seen: frozenset[Path]
) -> set[str]:
    """Return the tags of a file and of those that it includes: at least those that it has."""
    place = Path(os.path.normpath(file))
    if place in seen or place not in own:
        return set()
    tags, included = own[place]
    inner = [_tags(place.parent / name, own, seen | {place}) for name in included]
    return set(tags).union(*inner)


@cache
def whole_index(place: Path) -> Mapping[str, Any]:
    """Return lm-eval's own index of a folder. Takes ten seconds for its own."""
    from lm_eval.tasks._index import TaskIndex

    index: dict[str, Any] = TaskIndex.build([place])
    return index


def _files(place: Path) -> list[Path]:
    """Return YAML files, and what they include, in the order in which lm-eval reads them."""
    found = []
    for where, folders, files in os.walk(place):
        folders[:] = [each for each in folders if each not in _SKIPPED]
        found += [Path(where, file) for file in files if not file.endswith(_OTHERS)]
    return sorted(found, key=lambda file: file.as_posix())


def _parsed(files: Iterable[Path]) -> dict[str, Any]:
    from lm_eval.tasks._index import TaskIndex
    from lm_eval.tasks._yaml_loader import load_yaml

    index: dict[str, Any] = {}
    for file in files:
        TaskIndex.process_cfg(load_yaml(file, resolve_func=False), file, index)
    return index


def _mentioned(name: str) -> bool:
    """Say whether a file has the name on a line with a key that names things."""
    key, word = rb"(?:task|group|tag)[\"']?[ \t]*:[^\r\n]*", re.escape(name.encode())
    wanted = re.compile(key + rb"(?<![\w-])" + word + rb"(?![\w-])")
    return any(wanted.search(file.read_bytes()) for file in _files(folder()))
