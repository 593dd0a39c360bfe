"""What memory a search needs, from headers alone, and what there is."""

import os

from optimerge.search.models import Models

FLOAT32 = 4


def needed(models: Models) -> int:
    """Return the bytes of base, experts, resident model and the largest tensor's temporaries.

    Statistics count too, in a space with a method that needs them.
    Scoring (activations, logits) comes on top: it depends on the batch size and the tasks.
    """
    resident = models.resident.bytes
    largest = max(_entries(t.shape) for t in models.base.tensors.values())
    temporaries = largest * FLOAT32 * (len(models.checkpoints) + 3)
    measured = models.statistics.bytes if models.statistics else 0
    return _held(models) + resident + measured + temporaries


def _held(models: Models) -> int:
    """Return the bytes of base and experts; LoRA adapters share their base's tensors."""
    own = {(i.file, i.start): i.bytes for c in models.checkpoints for i in c.tensors.values()}
    return sum(own.values()) + sum(c.adapter.bytes for c in models.checkpoints if c.adapter)


def available() -> int:
    """Return the bytes of main memory that are free for a new process."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            rows = dict(line.split(":", 1) for line in file)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _entries(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
