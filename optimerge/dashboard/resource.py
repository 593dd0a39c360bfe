"""What an address of the API is: its path, what it returns, how that is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from optimerge.dashboard.snapshot import Snapshot
from optimerge.dashboard.source import Source, Sources
from optimerge.errors import OptimergeError
from optimerge.records.types import Direction, Trial


class Answer(BaseModel):
    """What is returned, as JSON. Numbers that are unknown or not finite are null."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Versioned(Answer):
    """An answer that stays the same as long as the version does."""

    version: int
    """Only ever compared for equality."""


class Objective(Answer):
    """A score with its direction."""

    name: str
    direction: Direction


class AskedError(OptimergeError):
    """A question that makes no sense: status 400."""


class UnknownError(OptimergeError):
    """Something that is not there: status 404."""


@dataclass(frozen=True)
class Asked:
    """One question to the API."""

    sources: Sources
    path: Mapping[str, str]
    """Parts of the path, decoded. They are looked up among names, and never become a path."""
    query: Sequence[tuple[str, str]] = ()

    def source(self, key: str | None = None) -> Source:
        """Return the run that is asked about; UnknownError if there is none."""
        wanted = self.path["run"] if key is None else key
        if wanted not in self.sources.all:
            raise UnknownError(f"no run {wanted!r}; there are {', '.join(self.sources.all)}")
        return self.sources.all[wanted]

    def every(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return [value for key, value in self.query if key == name]

    def one(self, name: str, default: str = "") -> str:
        """Return a parameter's last value."""
        return (self.every(name) or [default])[-1]

    def whole(self, name: str, default: int, most: int) -> int:
        """Return a parameter that is a whole number from 0 to `most`; AskedError if it is none."""
        text = self.one(name, str(default))
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= most):
            raise AskedError(f"{name}={text!r}: must be a whole number from 0 to {most}")
        return int(text)


@dataclass(frozen=True)
class Resource:
    """One address."""

    path: str
    """With {parts} in it."""
    answer: type[BaseModel]
    make: Callable[[Asked], BaseModel]
    """Runs in a thread of its own; OptimergeError tells what is wrong."""
    about: str
    """One sentence."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What its parameters are, by name."""
    versioned: Literal[True] | None = None
    """Whether `since=VERSION` is answered with 304 where nothing has changed."""


def trial_named(snapshot: Snapshot, name: str) -> Trial:
    """Return the trial of that number, or the parent of that name; UnknownError if none is."""
    for trial in snapshot.trials:
        if trial.name == name:
            return trial
    raise UnknownError(f"{snapshot.run.name}: no trial {name!r}")
