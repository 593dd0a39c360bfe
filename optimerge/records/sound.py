"""Checks what a run folder says before anything is made of it: it may come from a stranger."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimerge.errors import RunError
from optimerge.records.types import Trial

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}", re.ASCII)


def file_in(folder: Path, name: str, ending: str) -> Path:
    """Return a file of a folder by what a record calls it; RunError if that leads elsewhere."""
    if not _FILE_NAME.fullmatch(name):
        raise RunError(
            f"{folder}: {name[:80]!r} is no name of a file there; this optimerge did not write "
            "the run"
        )
    return folder / f"{name}{ending}"


def refuse_links(folder: Path, *names: str) -> None:
    """Raise RunError if a file that is written in a folder is a link out of it."""
    for name in names:
        file = folder / name
        if file.is_symlink() and not file.resolve().is_relative_to(folder.resolve()):
            raise RunError(
                f"{file}: is a link out of the run folder, to {file.resolve()}, and is not written "
                "to; remove it, or give another --run-dir"
            )


def sound_trial(data: Mapping[str, Any], what: str) -> Trial:
    """Return plain data as a trial; RunError, which calls it `what`, if something is no such thing.

    What the study says it is, it is: scores are numbers, texts are texts.
    """
    from pydantic import ValidationError

    try:
        return _trials().validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:80]
        raise _unsound(what, f"{place!r}: {first['msg']}") from None


def sound_numbers(value: Any, count: int, what: str) -> list[float] | None:
    """Return a list of so many finite numbers, or None for None; RunError for all else."""
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or len(value) != count
        or not all(type(n) in (int, float) and abs(n) < float("inf") for n in value)
    ):
        raise _unsound(what, f"{str(value)[:40]!r} is not {count} numbers")
    return [float(n) for n in value]


def sound_count(value: Any, what: str) -> int | None:
    """Return a whole number, or None for None; RunError for all else."""
    if value is not None and (type(value) is not int or not 0 <= value < 2**53):
        raise _unsound(what, f"{str(value)[:40]!r} is no whole number")
    return value


def check_kinds(found: object, kinds: Mapping[str, Any]) -> None:
    """Raise TypeError if an attribute is not of its kind; of a mapping, (kind of keys, of values).

    A switch is no number.
    """
    for name, kind in kinds.items():
        value = getattr(found, name)
        if isinstance(kind, tuple):
            good = isinstance(value, Mapping) and all(
                isinstance(k, kind[0]) and isinstance(v, kind[1]) for k, v in value.items()
            )
        else:
            good = type(value) is kind
        if not good:
            raise TypeError(f"{name} is {str(value)[:40]!r}")


def _unsound(what: str, why: str) -> RunError:
    return RunError(f"{what} cannot be read ({why}); this optimerge did not write it")


@cache
def _trials() -> "TypeAdapter[Trial]":
    from pydantic import TypeAdapter

    return TypeAdapter(Trial)
