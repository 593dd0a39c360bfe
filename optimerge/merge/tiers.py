"""Where base and experts are kept while candidates are merged: three tiers, one interface."""

from collections.abc import Sequence
from typing import Literal

from optimerge.checkpoint.folder import Checkpoint
from optimerge.merge.disk import DiskWeights
from optimerge.merge.rounding import Rounding
from optimerge.merge.staged import StagedWeights
from optimerge.merge.steps import all_steps, ring_bytes, sources_of, step_bytes
from optimerge.merge.store import Store
from optimerge.merge.weights import Weights, load_factors, load_weights

Tier = Literal["device", "host", "disk"]
"""device: beside the resident model. host: in main memory, copied step by step. disk: read so."""


def open_weights(
    checkpoints: Sequence[Checkpoint],
    device: str,
    tier: Tier = "device",
    rounding: Rounding | None = None,
) -> Store:
    """Load the models, or open them where they stay; CheckpointError if one is not sound.

    Tensors that stay on disk are looked at when they are first streamed. On a CPU the host tier
    is the device tier. `rounding`: keeps experts in int8 steps, beside the resident model only.
    """
    on_cpu = device.partition(":")[0] == "cpu"
    if tier == "device" or (tier == "host" and on_cpu):
        return load_weights(checkpoints, device, rounding=rounding)
    if rounding is not None:
        raise ValueError(f"int8 task vectors are kept in the device tier, not on {tier}")
    if on_cpu:
        return DiskWeights(checkpoints)
    if tier == "host":
        return staged(load_weights(checkpoints, "cpu", pinned=True), checkpoints, device)
    return staged(DiskWeights(checkpoints, device, pinned=True), checkpoints, device)


def staged(
    inner: Weights | DiskWeights, checkpoints: Sequence[Checkpoint], device: str
) -> StagedWeights:
    """Return what copies the tensors of `inner` to a device, step by step."""
    infos = {(c.reference, n): info for c in checkpoints for n, info in sources_of(c).items()}
    sizes = {
        name: step_bytes(infos[key] for key in keys)
        for name, keys in all_steps(checkpoints).items()
    }
    return StagedWeights(inner, load_factors(checkpoints, device), infos, ring_bytes(sizes), device)
