"""Places that hold whole files by name: a folder, or what a URL names (fsspec).

    /mnt/shared/evidence, file:///mnt/...       a folder
    s3://BUCKET/PATH, gs://..., az://...        object stores
    sftp://USER@HOST/PATH, hdfs://..., smb://   file servers
    memory://PATH                               this process's memory: for tests

A file is there whole or not at all, as far as the place can: an object store takes it in one
request, a folder or a file server gives it its name when it is complete. Only these kinds of URL
are opened: others of fsspec's run what they read.
"""

import io
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from optimerge.errors import RunError
from optimerge.records.plain import one_line
from optimerge.records.secrets import (
    redacted,
    redacted_text,
    refuse_unquoted,
    without_secrets_of,
)
from optimerge.records.sound import file_in
from optimerge.records.whole import written_whole

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Fill = Callable[[IO[bytes]], object]
"""Writes the content of a file."""

_OBJECTS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    "oss": "ossfs",
    "oci": "ocifs",
    "memory": "fsspec",
}
"""Object stores, with the package that reaches them: there, a request is all or nothing."""
_FILES = {"sftp": "paramiko", "ssh": "paramiko", "hdfs": "pyarrow", "smb": "smbprotocol"}
_WHY = 200
"""Characters of a store's own words that are passed on."""


class StoreError(RunError):
    """A store that cannot be reached, read or written, now."""


class Store(Protocol):
    """Whole files by name; every name is one that `records.sound.file_in` takes."""

    where: str
    """As it may be shown."""

    def write(self, name: str, fill: Fill) -> int:
        """Write a file, in place of an older one, and return its bytes; RunError if it cannot."""
        ...

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file, None if it is not there; RunError if it cannot, or is above `most`."""
        ...

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        ...


class InFolder:
    """Files in a folder of this machine, or one that is mounted there."""

    def __init__(self, folder: Path, *, make: bool = True) -> None:
        """Name it; `make`: the folder is made when it is first written to."""
        self.folder, self._make = folder, make
        self.where = str(folder)

    def write(self, name: str, fill: Fill) -> int:
        """Write a file through a draft that takes its name."""
        path = self.path(name)
        with written_whole(path, make=self._make) as file:
            fill(file)
        return path.stat().st_size

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file."""
        path = self.path(name)
        try:
            with path.open("rb") as file:
                content = file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
        return _refuse_large(content, str(path), most)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return self.path(name).is_file()

    def path(self, name: str) -> Path:
        """Return where a file lies."""
        return file_in(self.folder, name, "")


class InUrl:
    """Files in what fsspec opens; connected when it is first used."""

    def __init__(self, url: str) -> None:
        """Name it; RunError if it is of no kind that is opened, or its package is missing."""
        self._url, self.where = url, redacted(url)
        self._kind = kind_of_place(url)

    def write(self, name: str, fill: Fill) -> int:
        """Write a file in one request, or through a draft that is renamed."""
        content = io.BytesIO()
        fill(content)
        data, path = content.getvalue(), self._path(name)
        with self._telling(name, "written"):
            if self._kind in _OBJECTS:
                self._files.pipe_file(path, data)
            else:
                self._renamed(path, data)
        return len(data)

    def _renamed(self, path: str, data: bytes) -> None:
        draft = f"{path}.{uuid.uuid4().hex[:8]}.draft"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        try:
            self._files.pipe_file(draft, data)
            if self._files.exists(path):  # servers that do not rename over a file
                self._files.rm_file(path)
            self._files.mv(draft, path)
        except BaseException:
            if self._files.exists(draft):
                self._files.rm_file(draft)
            raise

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file."""
        path = self._path(name)
        with self._telling(name, "read"):
            try:
                self._files.invalidate_cache()
                size = self._files.size(path)
                content = None if size > most else bytes(self._files.cat_file(path))
            except FileNotFoundError:
                return None
        return _refuse_large(content, f"{self.where}/{name}", most)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        with self._telling(name, "read"):
            self._files.invalidate_cache()
            return bool(self._files.exists(self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self._root}/{file_in(Path(), name, '').name}"

    @property
    def _files(self) -> "AbstractFileSystem":
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1].rstrip("/")

    @cached_property
    def _opened(self) -> "tuple[AbstractFileSystem, str]":
        from fsspec.core import url_to_fs

        package = (_OBJECTS | _FILES)[self._kind]
        try:
            found: tuple[AbstractFileSystem, str] = url_to_fs(self._url)
        except ImportError:
            raise RunError(
                f"{self.where}: the package {package}, which reaches it, is not installed; "
                f"pip install {package}"
            ) from None
        except Exception as error:  # whatever the package's own options come to
            raise StoreError(f"{self.where}: cannot be opened ({self._why(error)})") from error
        return found

    @contextmanager
    def _telling(self, name: str, done: str) -> Iterator[None]:
        try:
            yield
        except RunError:
            raise
        except Exception as error:  # every store has errors of its own
            text = f"{self.where}/{name}: cannot be {done} ({self._why(error)})"
            raise StoreError(text) from error

    def _why(self, error: Exception) -> str:
        said = one_line(redacted_text(without_secrets_of(str(error), self._url)))
        return f"{type(error).__name__}: {said[:_WHY]}" if said else type(error).__name__


def open_store(url: str) -> Store:
    """Return the store of a URL or folder, not yet connected; RunError if it is of no kind known.

    A folder has to be there: one that is not is a mount that is missing.
    """
    if "://" not in url or url.startswith("file://"):
        return InFolder(_folder(url), make=False)
    return InUrl(url)


def ready(store: Store) -> None:
    """Make a store's folder in a folder that is there; RunError if that is not."""
    if not isinstance(store, InFolder):
        return
    above = store.folder.parent
    if not above.is_dir():
        raise RunError(f"--artifacts {above}: is no folder; make it, or mount what should be there")
    try:
        store.folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{store.folder}: cannot be made ({error.strerror})") from None


def kind_of_place(url: str) -> str:
    """Return s3, sftp, memory, ...; RunError for a URL that is not opened."""
    refuse_unquoted("--artifacts", url)
    kind = url.partition("://")[0].lower()
    if kind not in _OBJECTS | _FILES or "::" in url or "?" in url:
        raise RunError(
            f"--artifacts {redacted(url)}: is no place that is known; give a folder, s3://BUCKET/"
            f"PATH or another of {', '.join(k for k in (_OBJECTS | _FILES) if k != 'memory')}"
        )
    return kind


def _folder(url: str) -> Path:
    path = unquote(url.removeprefix("file://")) if url.startswith("file://") else url
    return Path(os.path.abspath(Path(path).expanduser()))


def _refuse_large(content: Any, where: str, most: int) -> bytes:
    if content is None or len(content) > most:
        raise StoreError(f"{where}: has more than {most} bytes, which this optimerge never writes")
    return bytes(content)
