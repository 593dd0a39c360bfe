"""Opens the storage that a run is kept in."""

from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.errors import OptimergeError, RunError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


def open_storage(journal: Path) -> "BaseStorage":
    """Open a journal, and make it if it is not there; RunError if it cannot be read as one."""
    from optuna.storages import JournalStorage

    from optimerge.records.shared_journal import SharedJournal

    try:
        return JournalStorage(SharedJournal(journal))
    except OptimergeError:
        raise
    except OSError as error:
        raise RunError(f"{journal}: cannot be opened ({error.strerror or error})") from None
    except Exception as error:  # whatever replaying operations that make no sense comes to
        raise RunError(
            f"{journal}: cannot be read as a study journal ({type(error).__name__}: {error})"
        ) from error
