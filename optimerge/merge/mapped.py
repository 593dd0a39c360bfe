"""Gives back the pages of weight files that were mapped into memory and copied since.

transformers maps the files of a model that it loads. What was read of a map counts as memory of
this process until the map ends, so a model that is moved elsewhere would be held twice.
"""

import ctypes
import mmap
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_DONT_NEED = 4
"""MADV_DONTNEED: the pages are read again from the file if they are looked at again."""


class Mapped:
    """The maps of weight files that there are now; none where the system does not tell."""

    def __init__(self) -> None:
        self._maps: list[tuple[int, int]] = []
        if not sys.platform.startswith("linux"):
            return
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.rstrip().endswith(".safetensors"):
                    first, _, last = line.split(" ", 1)[0].partition("-")
                    self._maps.append((int(first, 16), int(last, 16)))

    def forget(self, tensor: "Tensor") -> None:
        """Give back the pages that only this tensor lies in, if it lies in a map of a file.

        It must not have been written to: it would be as the file has it again.
        """
        if tensor.device.type != "cpu" or not tensor.is_contiguous():
            return
        start, stop = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
        if not any(first <= start and stop <= last for first, last in self._maps):
            return
        page = mmap.PAGESIZE
        start, stop = -(-start // page) * page, stop // page * page
        if start < stop:
            libc = ctypes.CDLL(None)
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), _DONT_NEED)
