"""A run folder: one study journal, one log. The journal is the only record of the run.

    runs/NAME/study.journal   the study: its trials, and what they are trials of
    runs/NAME/evidence/       what became of every document: see `records.artifacts`
    runs/NAME/log.txt         what the libraries said, tracebacks of failed trials

Two Optuna studies share the journal: "search" holds the points of the search space, "parents"
the base and the experts as given (they need not be points of the space).
"""

import errno
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimerge.errors import RunError, did_you_mean
from optimerge.records.artifact_url import new_url, open_artifacts
from optimerge.records.artifacts import FOLDER, Artifacts, artifacts_in
from optimerge.records.attributes import as_trial, origin_of, place
from optimerge.records.counted import Counted
from optimerge.records.keys import FORMAT, JOURNAL, LOCK, LOG, PARENTS, SEARCH, counts
from optimerge.records.origins import WITHDRAWN
from optimerge.records.secrets import redacted
from optimerge.records.sound import check_kinds, refuse_links, sound_numbers
from optimerge.records.storage import STORAGE_VARIABLE, open_database, open_journal
from optimerge.records.stores import InFolder, open_store
from optimerge.records.types import Direction, Trial

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class RunInfo:
    """What a run is a run of; fixed when the run is made, kept in the study."""

    space: str
    """The search-space file as text."""
    space_file: str
    """Where it lay: relative paths in it are relative to its folder."""
    digest: str
    """Digest of what must not change between resumes."""
    objectives: Mapping[str, Direction]
    layers: int
    seed: int
    exact: bool
    items: Mapping[str, str] = field(default_factory=dict)
    """Digest of each task's search items."""
    versions: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Of each method, sampler and objective of an installed package ("method median") the package,
    its version, and a digest of the code's file."""
    allow_code: bool = False
    """Whether the user let local task files run their own Python."""
    trust_code: bool = False
    """Whether the user let models run Python of their own (--trust-remote-code), ever."""
    plan: str = ""
    """How log-likelihoods were run when the run was started: it decides the batches, and so the
    last bits of scores."""
    task_vectors: str = "full"
    """full or int8."""
    layer_groups: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Of each `layer_groups: auto` of the space ("auto", or its number): the groups' edges. The
    models' weights decide them, once."""
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Digests of the models' files when the run was started, by reference and file name."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where each model led when the run was started, by reference: a folder's full path, a Hub
    name with `@commit`."""
    storage: str = ""
    """URL of the database that the run is kept in, without passwords; "" for the journal."""
    artifacts: str = ""
    """URL of the folder that evidence is kept in, without passwords; "" for the run folder."""
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise TypeError if a field is not of its kind: a stranger's run may say anything."""
        check_kinds(self, _KINDS)
        if not self.objectives or not set(self.objectives.values()) <= {"maximize", "minimize"}:
            raise TypeError(f"objectives are {str(self.objectives)[:40]!r}")


_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("space", "space_file", "digest", "plan", "task_vectors", "storage"), str),
    "artifacts": str,
    **dict.fromkeys(("layers", "seed"), int),
    **dict.fromkeys(("exact", "allow_code", "trust_code"), bool),
    **dict.fromkeys(("objectives", "items", "versions", "places", "plugins"), (str, str)),
    "layer_groups": (str, list | tuple),
    "models": (str, Mapping),
}
"""Kinds of a RunInfo's fields; of mappings, of keys and values."""


@dataclass(frozen=True)
class Run:
    """A run folder opened for reading or writing."""

    folder: Path
    search: "optuna.Study"
    parents: "optuna.Study"
    info: RunInfo
    elsewhere: Artifacts | None = field(default=None, repr=False, compare=False)
    """What keeps evidence, if not the folder."""
    _ended: dict[tuple[str, int], Trial] = field(default_factory=dict, repr=False, compare=False)
    """Trials that have ended, by study and number: they never change, and reading takes time."""
    _counted: dict[str, Counted] = field(default_factory=dict, repr=False, compare=False)
    """By study how many trials count that have ended."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return _name(self.folder)

    @property
    def artifacts(self) -> Artifacts:
        """What keeps the run's evidence and prompts."""
        return self.elsewhere or artifacts_in(self.folder)

    def trials(self) -> list[Trial]:
        """Return every trial: parents first, then the points of the space in order.

        That is by number, but what was interrupted stands in its old place when it is repeated. A
        parent that is also a point of the space stands in both studies; it is listed once.
        """
        return [trial for trial, _ in self.stored()]

    def stored(self) -> "list[tuple[Trial, FrozenTrial]]":
        """Return the trials as `trials` does, each with Optuna's record, which knows its times."""
        parents = self._records(self.parents, numbered=False)
        points = self._records(self.search, numbered=True)
        return [p for p in parents if p[0].is_parent] + [p for p in points if _is_own(p[0])]

    def finished(self) -> int:
        """Count the trials that count against a budget: completed, pruned or failed."""
        return self.standing()[0]

    def standing(self) -> "tuple[int, list[FrozenTrial]]":
        """Return how many trials are finished, and those that run, of whatever worker.

        Each study is read once: a trial that ends meanwhile is one or the other, never both or
        neither.
        """
        finished, running = 0, []
        for name, study in ((PARENTS, self.parents), (SEARCH, self.search)):
            found, others = self._counted.setdefault(name, Counted()).count(
                study.get_trials(deepcopy=False), partial(_counts, parents=study is self.parents)
            )
            finished += found
            running += [trial for trial in others if trial.state.name == "RUNNING"]
        return finished, running

    @property
    def reference(self) -> list[float] | None:
        """The reference point (losses), once the parents are scored."""
        return self._numbers("reference")

    @property
    def scales(self) -> list[float] | None:
        """The unit of each objective's loss, once the parents are scored."""
        return self._numbers("scales")

    def _numbers(self, key: str) -> list[float] | None:
        found = self.search.user_attrs.get(key)
        return sound_numbers(found, len(self.info.objectives), f"{self.folder}: the {key}")

    def _records(
        self, study: "optuna.Study", *, numbered: bool
    ) -> "list[tuple[Trial, FrozenTrial]]":
        try:
            return [
                (self._record(study.study_name, stored, numbered=numbered), stored)
                for stored in sorted(study.get_trials(deepcopy=False), key=place)
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.folder}: a trial cannot be read ({type(error).__name__}: {error}); "
                "this optimerge did not write it"
            ) from error

    def _record(self, study: str, stored: "FrozenTrial", *, numbered: bool) -> Trial:
        key = (study, stored.number)
        trial = self._ended.get(key)
        if trial is None:
            trial = as_trial(stored, self.info.objectives, numbered=numbered)
            if stored.state.is_finished():
                self._ended[key] = trial
        return trial


def _counts(trial: "FrozenTrial", *, parents: bool) -> bool:
    return counts(origin_of(trial), parents=parents)


def _is_own(trial: Trial) -> bool:
    """Whether the trial is a candidate of its own: no copy of a parent, not taken back."""
    return not trial.is_parent and trial.origin != WITHDRAWN


def open_run(folder: Path, url: str = "", artifacts: str = "") -> Run:
    """Open an existing run; RunError if there is none, or one of another format.

    `url`: of the storage that it is kept in, if that is not the folder's journal; default the one
    in the environment (`OPTIMERGE_STORAGE`), if there is no journal. `artifacts`: where evidence
    is kept, as the user gives it: see `artifact_url`.
    """
    if not (found := url_of(folder, url)) and not (folder / JOURNAL).is_file():
        raise RunError(
            f"{folder}: holds no run ({JOURNAL} is not there); see `optimerge search`, or set "
            f"{STORAGE_VARIABLE} to the URL of the database that the run is kept in"
        )
    run = find_run(folder, found, artifacts)
    if run is None:
        where = (
            f"the run {_name(folder)!r} in {redacted(found)}" if found else f"the run in {JOURNAL}"
        )
        raise RunError(f"{folder}: {where} was never started; start it with `optimerge search`")
    return run


def find_run(folder: Path, url: str = "", artifacts: str = "") -> Run | None:
    """Open the run in a folder; None if there is none yet, or its making was cut short."""
    url = url_of(folder, url)
    if not url and not (folder / JOURNAL).is_file():
        return None
    storage = open_database(url) if url else open_journal(folder / JOURNAL)
    return find_in(storage, folder, url, artifacts)


def find_in(storage: "BaseStorage", folder: Path, url: str = "", artifacts: str = "") -> Run | None:
    """Open the run of a folder in a storage that is open; None if it holds none.

    `url`: of the storage; "" for the folder's journal.
    """
    import optuna

    names = study_names(folder, url)
    try:
        search = optuna.load_study(study_name=names[0], storage=storage)
        parents = optuna.load_study(study_name=names[1], storage=storage)
        kept = search.user_attrs["run"]
    except KeyError:
        return None
    info = _info(kept, folder)
    elsewhere = open_artifacts(folder, url, info.artifacts, artifacts)
    return Run(folder, search, parents, info, elsewhere)


def create_run(folder: Path, info: RunInfo, url: str = "", artifacts: str = "") -> Run:
    """Make a new run; RunError if the folder cannot be written or the storage not be opened.

    `artifacts`: URL of where its evidence is to be kept; default $OPTIMERGE_ARTIFACTS, or the
    folder.
    """
    make_writable(folder)
    url = url_of(folder, url)
    place = new_url(folder, url, artifacts)
    elsewhere = Artifacts(InFolder(folder / FOLDER), open_store(place) if place else None)
    elsewhere.check()
    storage = open_database(url) if url else open_journal(folder / JOURNAL)
    directions, names = list(info.objectives.values()), study_names(folder, url)
    parents = _study(storage, names[1], directions)
    search = _study(storage, names[0], directions)
    _name_values(search, list(info.objectives))
    info = replace(info, storage=redacted(url), artifacts=redacted(place))
    search.set_user_attr("run", asdict(info))
    return Run(folder, search, parents, info, elsewhere)


def with_trusted_code(run: Run) -> Run:
    """Record that the models' own Python was let run; return the run with that."""
    if run.info.trust_code:
        return run
    info = replace(run.info, trust_code=True)
    run.search.set_user_attr("run", asdict(info))
    return replace(run, info=info)


def with_plugins(run: Run, plugins: Mapping[str, str]) -> Run:
    """Record plug-ins that a resumed run uses for the first time; return the run with them."""
    known = run.info.plugins
    if plugins.keys() <= known.keys():
        return run
    info = replace(run.info, plugins={**plugins, **known})
    run.search.set_user_attr("run", asdict(info))
    return replace(run, info=info)


def url_of(folder: Path, url: str = "") -> str:
    """Return the URL of a run's storage; "": the journal in its folder."""
    return url or ("" if (folder / JOURNAL).exists() else os.environ.get(STORAGE_VARIABLE, ""))


def study_names(folder: Path, url: str) -> tuple[str, str]:
    """Return what the two studies are called: a database holds many runs, each by its name."""
    return (f"{_name(folder)}/{SEARCH}", f"{_name(folder)}/{PARENTS}") if url else (SEARCH, PARENTS)


def _name(folder: Path) -> str:
    return folder.resolve().name


def _name_values(study: "optuna.Study", names: list[str]) -> None:
    """Tell Optuna's own tools what the values are called."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(names)


def make_writable(folder: Path) -> None:
    """Make the folder if need be; RunError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_links(folder, JOURNAL, f"{JOURNAL}.lock", LOG, LOCK, FOLDER)
        probe = folder / f".write-test-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
        for name in (JOURNAL, LOG, LOCK):
            if (folder / name).exists() and not os.access(folder / name, os.W_OK):
                raise PermissionError(errno.EACCES, f"{os.strerror(errno.EACCES)}: {name}")
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be written ({error.strerror}); give another --run-dir"
        ) from None


def mend_journal(folder: Path) -> int:
    """Cut off a last line torn by a crash; return the bytes cut. Others may be writing."""
    path = folder / JOURNAL
    if not path.exists():
        return 0
    from optimerge.records.shared_journal import mend

    return mend(path)


def _study(storage: Any, name: str, directions: list[Direction]) -> "optuna.Study":
    import optuna

    return optuna.create_study(
        study_name=name, storage=storage, directions=directions, load_if_exists=True
    )


def _info(kept: Any, folder: Path) -> RunInfo:
    known = kept.get("format") if isinstance(kept, dict) else None
    if known != FORMAT:
        raise RunError(
            f"{folder}: the run has format {known}, this optimerge reads {FORMAT}; "
            "open it with the optimerge that wrote it"
        )
    try:
        return RunInfo(**kept)
    except TypeError as error:
        raise RunError(f"{folder}: what the run is a run of cannot be read ({error})") from None


def find_trial(run: Run, name: str) -> Trial:
    """Return the trial of that number, or the parent of that name; RunError if there is none."""
    trials = run.trials()
    for trial in trials:
        if name in (trial.name, f"trial:{trial.number}", str(trial.number)):
            return trial
    known = [t.name for t in trials]
    hint = did_you_mean(name, known) or f"; there are {', '.join(known[:8])}, ..."
    raise RunError(f"{run.folder}: no trial {name!r}{hint if known else '; there is none yet'}")
