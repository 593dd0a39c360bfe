"""What memory a search needs, from headers alone, and what there is."""

import os

from optimerge.search.models import Models

FLOAT32 = 4


def needed(models: Models) -> int:
    """Return the bytes of base, experts, resident model and the largest tensor's temporaries.

    Scoring (activations, logits) comes on top: it depends on the batch size and the tasks.
    """
    resident = models.base.bytes
    largest = max(_entries(t.shape) for t in models.base.tensors.values())
    temporaries = largest * FLOAT32 * (len(models.checkpoints) + 3)
    return _held(models) + resident + temporaries


def _held(models: Models) -> int:
    """Return the bytes of base and experts; LoRA adapters share their base's tensors."""
    own = {}
    for model in models.checkpoints:
        for name, info in model.tensors.items():
            held = models.rounding.held_bytes(model, name) if models.rounding else info.bytes
            own[info.file, info.start, held] = held
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
