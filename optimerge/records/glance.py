"""A run's state at a glance: what its journal says, read without Optuna, in milliseconds.

For screens that show many runs. What is decided on a run reads it by `records.run`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optimerge.errors import RunError
from optimerge.records.keys import (
    FORMAT,
    JOURNAL,
    LOOKING,
    LOOKS,
    PARENTS,
    SEARCH,
    TEST,
    counts,
    marked_withdrawn,
    origin_in,
)
from optimerge.records.origins import WITHDRAWN

_NEW_STUDY, _STUDY_KEY, _NEW_TRIAL, _STATE, _TRIAL_KEY = 0, 2, 4, 6, 8
"""Optuna's numbers of the operations that count here."""
_RUNNING, _FAILED, _WAITING = 0, 3, 4
"""Optuna's numbers of a trial's states."""
_WANTED = tuple(
    b'{"op_code":%d,' % number for number in (_NEW_STUDY, _STUDY_KEY, _NEW_TRIAL, _STATE)
)
_ORIGINS = (b'"user_attr":{"origin":', b'"user_attr":{"was":')
"""How the attributes of a trial that count here are written; the others are most of a journal."""
_HEAD = 200
"""Bytes of a line that hold its operation's kind, worker, trial and key."""


@dataclass(frozen=True)
class Glance:
    """What a journal says of a run."""

    info: Mapping[str, Any]
    """What the run is a run of: the fields of `RunInfo`, unchecked but for the format."""
    finished: int
    """Trials that count against a budget."""
    keys: Mapping[str, Any]
    """Attributes of the study "search"."""
    parents: tuple[str, ...] = ()
    """Origins of the parents whose trials have ended."""
    tested: bool = False
    """Whether a retest has come to its end."""


def glance(folder: Path) -> Glance:
    """Return what the journal of a run folder says; RunError if it says nothing that can be read.

    Only reads. Broken lines are passed over.
    """
    studies = _Studies()
    try:
        with (folder / JOURNAL).open("rb") as file:
            for line in file:
                if line.startswith(_WANTED) or any(key in line[:_HEAD] for key in _ORIGINS):
                    studies.apply(line)
    except OSError as error:
        raise RunError(f"{folder}: {JOURNAL} cannot be read ({error.strerror})") from None
    return studies.seen(folder)


@dataclass
class _Studies:
    """The studies as far as the journal was read."""

    names: list[str] = field(default_factory=list)
    keys: dict[int, dict[str, Any]] = field(default_factory=dict)
    trials: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Of each trial its study, and its attributes that count here."""
    states: list[int] = field(default_factory=list)

    def apply(self, line: bytes) -> None:
        """Apply an operation; one that is broken, or makes no sense, changes nothing."""
        try:
            log = json.loads(line)
            self._apply(log["op_code"], log)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return

    def _apply(self, kind: int, log: dict[str, Any]) -> None:
        if kind == _NEW_STUDY and log["study_name"] not in self.names:
            self.names.append(log["study_name"])
        elif kind == _STUDY_KEY:
            self.keys.setdefault(log["study_id"], {}).update(log["user_attr"])
        elif kind == _NEW_TRIAL:
            self.states.append(log.get("state", _RUNNING))
            self.trials.append((log["study_id"], dict(log.get("user_attrs", {}))))
        elif self.states[log["trial_id"]] in (_RUNNING, _WAITING):  # else it has ended: no change
            if kind == _STATE:
                self.states[log["trial_id"]] = log["state"]
            else:
                self.trials[log["trial_id"]][1].update(log["user_attr"])

    def seen(self, folder: Path) -> Glance:
        """Return the run as it stands; RunError if there is none, or one of another format."""
        keys = self._keys(SEARCH)
        info = keys.get("run")
        if not isinstance(info, dict):
            raise RunError(f"{folder}: {JOURNAL} holds no run; it was never started, or is broken")
        if info.get("format") != FORMAT:
            raise RunError(
                f"{folder}: the run has format {info.get('format')}, this optimerge reads {FORMAT}"
            )
        parents = tuple(o for o in self._origins(PARENTS) if counts(o, parents=True))
        points = sum(counts(o, parents=False) for o in self._origins(SEARCH))
        tests = self._keys(TEST)
        tested = bool(tests.get(LOOKS)) and not tests.get(LOOKING)
        return Glance(info, len(parents) + points, keys, parents, tested)

    def _keys(self, study: str) -> dict[str, Any]:
        return self.keys.get(self.names.index(study), {}) if study in self.names else {}

    def _origins(self, study: str) -> Iterator[str]:
        """Yield the origins of a study's trials that have ended."""
        number = self.names.index(study) if study in self.names else -1
        for (of, kept), state in zip(self.trials, self.states, strict=True):
            if of == number and state not in (_RUNNING, _WAITING):
                withdrawn = state == _FAILED and marked_withdrawn(kept)
                yield WITHDRAWN if withdrawn else origin_in(kept)
