"""Keeps the libraries' chatter off the screen and in the run's log."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from optimerge.records.secrets import SecretsFilter

LIBRARIES = ("transformers", "datasets", "lm_eval", "lm-eval", "huggingface_hub")

_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
}


@contextmanager
def quiet(
    log: Path | None = None, *, scoring: bool = False, studies: bool = True
) -> Iterator[None]:
    """Send log messages and warnings of all libraries to `log` (None: nowhere).

    `scoring`: also hush the libraries that only scoring imports (seconds to import). `studies`:
    hush Optuna, which what reads no run need not import.
    Leaves the logging of the process as it found it.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    handler = _handler(log)
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        if studies:
            _hush_reading()
        if scoring:
            _hush_scoring()
        try:
            yield
        finally:
            logging.captureWarnings(False)
            root.handlers, root.level = kept
            handler.close()


class _Log(logging.FileHandler):
    """A log that is on a full disk, or on one that is gone, ends nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):  # of what was not written yet
            super().close()


def _handler(log: Path | None) -> logging.Handler:
    if log is None:
        return logging.NullHandler()
    handler = _Log(log, encoding="utf-8", delay=True)
    handler.addFilter(SecretsFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


def _hush_reading() -> None:
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    # It tells of every study that is made in memory, and every proposal makes one.
    logging.getLogger("optuna.storages._in_memory").setLevel(logging.WARNING)


def _hush_scoring() -> None:
    """Take away the handlers that the libraries give their own loggers, and their bars."""
    import datasets
    import transformers

    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
