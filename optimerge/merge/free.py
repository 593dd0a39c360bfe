"""How much memory is free: on a CUDA device, or in main memory within the limits of a cgroup."""

import os
import re
from pathlib import Path

from optimerge.errors import OptimergeError
from optimerge.merge.shared import in_common

MEMORY_VARIABLE = "OPTIMERGE_MEMORY"
"""Environment variable: take no more than that on the device (bytes, or 800M, 20G, ...)."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def free_on(device: str) -> int:
    """Return the bytes that are free on a device, or as many as the environment allows."""
    import torch

    if torch.device(device).type == "cuda":
        found = int(torch.cuda.mem_get_info(torch.device(device))[0])
    else:
        found = free_main()
    return min(found, limit() or found)


def free_main(root: Path = Path("/")) -> int:
    """Return the bytes of main memory that are free for this process. `root`: of the system.

    What workers hold in common counts as free: none of them needs it a second time.
    """
    found = [_of_the_machine(root), *_of_cgroups(root)]
    return max(0, min(found)) + in_common()


def limit() -> int | None:
    """Return the limit that the environment sets, or None; OptimergeError if it is no size."""
    text = os.environ.get(MEMORY_VARIABLE, "")
    if not text:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text)
    if not found:
        raise OptimergeError(
            f"{MEMORY_VARIABLE}={text!r} is no size; give bytes, or a size as 800M or 20G"
        )
    return int(float(found[1]) * _UNITS[found[2]])


def size(count: float) -> str:
    """Return bytes as people read them, in powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _of_the_machine(root: Path) -> int:
    try:
        text = (root / "proc/meminfo").read_text(encoding="ascii")
    except OSError:
        text = ""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.M)
    if found is None:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(found[1]) * 1024


def _of_cgroups(root: Path) -> list[int]:
    """Return what each limit on this process's groups leaves free, cached files included."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, names, path = line.split(":", 2)
        old = "memory" in names.split(",")
        if names and not old:
            continue
        top = root / "sys/fs/cgroup" / ("memory" if old else "")
        group = top / path.lstrip("/")
        while True:
            left = _left(group, old=old)
            if left is not None:
                found.append(left)
            if group == top or top not in group.parents:
                break
            group = group.parent
    return found


def _left(group: Path, *, old: bool) -> int | None:
    most, used = ("limit_in_bytes", "usage_in_bytes") if old else ("max", "current")
    try:
        allowed = (group / f"memory.{most}").read_text().strip()
        taken = int((group / f"memory.{used}").read_text())
        stat = (group / "memory.stat").read_text()
    except (OSError, ValueError):
        return None
    if allowed == "max":
        return None
    cached = re.search(r"^(?:total_)?inactive_file (\d+)", stat, re.M)
    return int(allowed) - taken + (int(cached[1]) if cached else 0)
