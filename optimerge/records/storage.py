"""Opens the storage that a run is kept in: the journal in its folder, or what a URL names.

    study.journal in the run folder                       the default: any number of workers that
                                                          see the folder
    sqlite:///FILE                                        one worker
    postgresql+psycopg://USER:PASSWORD@HOST/DB, mysql+... workers on any number of machines
    grpc://HOST:PORT                                      Optuna's proxy in front of such a database

A URL may hold a password: it is never logged, recorded or printed; what may be, makes
`optimerge.records.secrets`.
"""

import random
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimerge.errors import OptimergeError, RunError
from optimerge.records.secrets import redacted, refuse_unquoted, without_secrets_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

STORAGE_VARIABLE = "OPTIMERGE_STORAGE"
"""Environment variable with the URL, for commands and processes that are not told one."""
_ATTEMPTS = 5
"""How often a database is opened: two that make its tables at once get into each other's way."""
_READY = 30.0
"""Seconds that a proxy may take to answer at first."""
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "grpc": "grpc"}


def open_journal(journal: Path) -> "BaseStorage":
    """Open a journal, and make it if it is not there; RunError if it cannot be read as one."""
    from optimerge.records.run_journal import RunJournal
    from optimerge.records.shared_journal import SharedJournal

    try:
        return RunJournal(SharedJournal(journal))
    except OptimergeError:
        raise
    except OSError as error:
        raise RunError(f"{journal}: cannot be opened ({error.strerror or error})") from None
    except Exception as error:  # whatever replaying operations that make no sense comes to
        raise RunError(
            f"{journal}: cannot be read as a study journal ({type(error).__name__}: {error})"
        ) from error


def open_database(url: str) -> "BaseStorage":
    """Open what a URL names, with its tables made; RunError that tells why not, and no password."""
    from optuna.storages import get_storage

    kind = kind_of(url)
    try:
        if kind == "grpc":
            return _proxy(url)
        return get_storage(_patient_database(driver_named(url), kind))
    except ImportError:
        raise RunError(
            f"{redacted(url)}: the package to reach it is not installed; "
            f"pip install 'optimerge[{_EXTRAS[kind]}]'"
        ) from None
    except OptimergeError:
        raise
    except Exception as error:
        why = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise RunError(
            f"{redacted(url)}: cannot be opened ({without_secrets_of(why, url)})"
        ) from None


def kind_of(url: str) -> str:
    """Return sqlite, postgresql, mysql or grpc; RunError for another URL."""
    refuse_unquoted("--storage", url)
    scheme = url.partition("://")[0].partition("+")[0].lower()
    kind = {"postgres": "postgresql", "mariadb": "mysql"}.get(scheme, scheme)
    if "://" not in url or kind not in ("sqlite", *_EXTRAS):
        raise RunError(
            f"--storage {redacted(url)}: is no storage that is known; give sqlite:///FILE, "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, mysql+pymysql://..., or "
            "grpc://HOST:PORT"
        )
    return kind


def driver_named(url: str) -> str:
    """Name the driver that optimerge installs, where the URL leaves it open."""
    return re.sub(r"^(postgresql|postgres)://", "postgresql+psycopg://", url)


def _proxy(url: str) -> "BaseStorage":
    host, colon, port = url.removeprefix("grpc://").rstrip("/").rpartition(":")
    if not colon or not port.isdecimal():
        raise RunError(f"{redacted(url)}: names no port; give grpc://HOST:PORT")
    from optuna.exceptions import ExperimentalWarning

    from optimerge.records.proxy import PatientProxy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        proxy = PatientProxy(host=host, port=int(port))
    proxy.wait_server_ready(timeout=_READY)
    return proxy


def _patient_database(url: str, kind: str) -> Any:
    from sqlalchemy.exc import SQLAlchemyError

    for attempt in range(1, _ATTEMPTS):
        try:
            return _database(url, kind)
        except SQLAlchemyError as error:
            if type(error).__name__ == "OperationalError" and kind != "sqlite":  # it refused
                raise
            time.sleep(random.SystemRandom().uniform(0.1, 0.5) * attempt)
    return _database(url, kind)


def _database(url: str, kind: str) -> Any:
    if kind == "sqlite":
        from optuna.storages import RDBStorage

        return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 100}})
    from optimerge.records.away import PatientDatabase

    return PatientDatabase(url)
