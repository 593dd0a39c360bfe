"""How far a checkpoint is from its base, counted tensor by tensor from the files."""

import time

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.names import with_names_of
from optimerge.checkpoint.read import TensorReader
from optimerge.merge.change import change, total
from optimerge.records.types import MergeStats


def why_not_comparable(checkpoint: Checkpoint, base: Checkpoint) -> str:
    """Return why two models' tensors cannot be compared, "" if they can."""
    ours, theirs = with_names_of(base, checkpoint).merged, base.merged
    if odd := sorted(ours.keys() ^ theirs.keys()):
        return f"{odd[0]} is in only one of it and the base {base.reference}"
    for name, info in ours.items():
        if info.shape != theirs[name].shape:
            shapes = f"{list(info.shape)}, in the base {base.reference} {list(theirs[name].shape)}"
            return f"{name} has the shape {shapes}"
    return ""


def count_differences(checkpoint: Checkpoint, base: Checkpoint) -> MergeStats:
    """Return what a merge that wrote this checkpoint would have counted; two tensors at a time.

    The models must be comparable. The count of what differs is exactly a merge's; l1 and l2 are
    its own up to the order of the sum.
    """
    started = time.perf_counter()
    named = with_names_of(base, checkpoint)
    with TensorReader(named) as ours, TensorReader(base) as theirs:
        changes = [change(ours.read(name), theirs.read(name)) for name in base.merged]
    return total(changes, time.perf_counter() - started)
