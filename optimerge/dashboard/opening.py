"""Opens a run to look at it: makes no file and no table, mends nothing, waits for nothing long."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimerge.errors import OptimergeError, RunError
from optimerge.records.keys import JOURNAL
from optimerge.records.optuna_access import storage_of
from optimerge.records.run import Run, find_in, open_run, url_of
from optimerge.records.secrets import redacted, without_secrets_of
from optimerge.records.storage import kind_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_PATIENCE = 5
"""Seconds that a database may take to answer."""


def open_seen(folder: Path, url: str = "") -> Run:
    """Open an existing run for reading; RunError if there is none, or it cannot be read now.

    `url`: of its storage, if that is not the folder's journal; default $OPTIMERGE_STORAGE.
    """
    found = url_of(folder, url)
    if not found or kind_of(found) == "grpc":
        return open_run(folder, url)
    run = find_in(_database(found), folder, found)
    if run is None:
        raise RunError(
            f"{folder}: the run {folder.resolve().name!r} in {redacted(found)} was never started; "
            "start it with `optimerge search`"
        )
    return run


def close_seen(run: Run) -> None:
    """Close a database's connections; of a journal and a proxy there are none to close."""
    from optuna.storages import RDBStorage

    storage = storage_of(run.search)
    database = getattr(storage, "_backend", storage)
    if isinstance(database, RDBStorage):
        database.remove_session()
        database.engine.dispose()


def journal_of(folder: Path, url: str = "") -> Path | None:
    """Return the file that a run is kept in; None if a database keeps it."""
    return None if url_of(folder, url) else folder / JOURNAL


def _database(url: str) -> "BaseStorage":
    """Open a database that has Optuna's tables; RunError if it has not, or is not there."""
    from optuna.storages import RDBStorage
    from sqlalchemy.engine import make_url

    from optimerge.records.storage import driver_named

    try:
        named = make_url(driver_named(url))
        settings: dict[str, Any] = {"pool_pre_ping": True}
        if named.get_backend_name() == "sqlite":
            file = Path(named.database or "")
            if not file.is_file():
                raise RunError(f"{redacted(url)}: is not there")
            settings["connect_args"] = {"timeout": _PATIENCE}
        else:
            settings["connect_args"] = {"connect_timeout": _PATIENCE}
        return _cached(
            RDBStorage(named.render_as_string(False), settings, skip_table_creation=True)
        )
    except ImportError:
        raise RunError(f"{redacted(url)}: the package to reach it is not installed") from None
    except OptimergeError:
        raise
    except Exception as error:  # whatever drivers raise
        raise RunError(f"{redacted(url)}: cannot be opened ({why(error, url)})") from None


def _cached(storage: Any) -> "BaseStorage":
    """Return the storage as Optuna itself would use it: what has ended is read once."""
    from optuna.storages import get_storage

    return get_storage(storage)


def why(error: Exception, url: str) -> str:
    """Return a driver's reason in one line, without the secrets of a URL."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    said = str(getattr(root, "orig", None) or root).strip().partition("\n")[0]
    return without_secrets_of(said, url)
