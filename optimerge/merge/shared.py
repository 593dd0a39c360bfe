"""One copy of base and experts in main memory for all workers of a machine.

Their supervisor makes a file in memory that has no name (Linux) and hands it on. The first worker
that comes to it fills it under a lock, the others wait and map it. It is gone with its last user,
however that ends. Not the weight files themselves: a map of these ends the process where a file is
cut, cannot be counted on to stay in memory, and does not begin where kernels and devices want it.
"""

import fcntl
import logging
import mmap
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from optimerge.checkpoint.headers import TensorInfo
from optimerge.merge.arena import ALIGNED, Arena, padded

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

SHARED_VARIABLE = "OPTIMERGE_SHARED"
"""Environment variable with the number of the open file, in a worker."""
_NAME = "optimerge"
_MARK = 32
"""Bytes of the digest of what is in the file, at its start; zeros while it is not whole."""


@dataclass(frozen=True)
class Common:
    """Memory that all workers see."""

    arena: Arena
    memory: "Tensor"
    """All of it, to be page-locked as one."""
    full: bool
    """Whether another worker has filled it."""


def make_shared() -> int | None:
    """Return a new file for workers, who must inherit it; None where the system has no such."""
    if not sys.platform.startswith("linux"):
        return None
    return os.memfd_create(_NAME)


def shared_file() -> int | None:
    """Return the file that this worker was given, None without one."""
    number = os.environ.get(SHARED_VARIABLE, "")
    if not number.isdecimal():
        return None
    try:  # a process that was started otherwise may have the variable, and another file there
        name = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return None
    return int(number) if name.startswith(f"/memfd:{_NAME}") else None


def in_common() -> int:
    """Return the bytes of memory that the file takes up now: nobody needs them a second time."""
    file = shared_file()
    return 0 if file is None else os.fstat(file).st_blocks * 512


@contextmanager
def common(sources: Sequence[TensorInfo]) -> Iterator[Common | None]:
    """Give the memory for tensors in this order, each once; None where nothing is shared.

    Within the context no other worker looks at it: what is not full is to be filled. After an error
    it counts as empty. None too where the others share other tensors: then they are loaded alone.
    """
    import torch

    file = shared_file()
    if file is None or not sources:
        yield None
        return
    digest = _digest(sources)
    size = ALIGNED + sum(padded(info.bytes) for info in sources)
    fcntl.lockf(file, fcntl.LOCK_EX)
    try:
        mark = os.pread(file, _MARK, 0)
        if mark.strip(b"\0") and mark != digest:
            log.info("the workers share other tensors: these are loaded for this one alone")
            yield None
            return
        os.ftruncate(file, size)
        whole = torch.frombuffer(mmap.mmap(file, size), dtype=torch.uint8)
        memory = whole[ALIGNED:]
        yield Common(Arena.within(memory), memory, full=mark == digest)
        os.pwrite(file, digest, 0)
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN)


def _digest(sources: Sequence[TensorInfo]) -> bytes:
    """Return what tells these tensors, in this order, from others: files too, as they are now."""
    found = blake2b(digest_size=_MARK)
    for info in sources:
        stat = info.file.stat()
        facts = (str(info.file), stat.st_size, stat.st_mtime_ns, info.start, info.bytes, info.dtype)
        found.update(repr(facts).encode())
    return found.digest()
