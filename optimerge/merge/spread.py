"""Base and experts of a resident model on several devices: each tensor where its parameter lies."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import reduce

from optimerge.checkpoint.folder import Checkpoint
from optimerge.merge.homes import Homes
from optimerge.merge.rounding import Rounding
from optimerge.merge.steps import Key
from optimerge.merge.store import Store
from optimerge.merge.tiers import Tier, open_weights, staged
from optimerge.merge.weights import Weights, load_weights


class SpreadWeights:
    """Streams the tensors of each step onto the devices where they are at home.

    Each device has a store of its own, which reads or copies ahead for itself.

    Args:
        stores: By device, with the tensors at home there.
        homes: Where that is, by the tensors' names.
    """

    def __init__(self, stores: Mapping[str, Store], homes: Homes) -> None:
        self._stores, self._homes = stores, homes

    @property
    def bytes(self) -> int:
        """Bytes of memory held, on all devices and in main memory."""
        return sum(store.bytes for store in self._stores.values())

    def stream(self, steps: Sequence[Sequence[Key]]) -> Generator[Weights]:
        """Yield the tensors of each step; see `Store.stream`."""
        with ExitStack() as stack:
            streams: dict[str, Generator[Weights]] = {}
            for device, store in self._stores.items():
                own = [part for step in steps if (part := self._at(device, step))]
                if own:
                    streams[device] = stack.enter_context(closing(store.stream(own)))
            for step in steps:
                here = [device for device in streams if self._at(device, step)]
                yield reduce(joined, (next(streams[device]) for device in here))
            for stream in streams.values():
                next(stream, None)  # at its end a store looks whether a file has changed

    def _at(self, device: str, step: Sequence[Key]) -> tuple[Key, ...]:
        return tuple(key for key in step if self._homes[key[1]] == device)


def joined(one: Weights, other: Weights) -> Weights:
    """Return the tensors of both, each where it is."""
    return Weights(
        one.dense | other.dense,
        one.factors | other.factors,
        one.dtypes | other.dtypes,
        one.steps | other.steps,
    )


def open_spread(
    checkpoints: Sequence[Checkpoint],
    homes: Homes,
    tier: Tier = "device",
    rounding: Rounding | None = None,
) -> Store:
    """Open base and experts for the devices of a resident model: see `open_weights`."""
    if len(homes.devices) == 1:
        return open_weights(checkpoints, homes.devices[0], tier, rounding)
    parts = {device: [homes.part(c, device) for c in checkpoints] for device in homes.devices}
    stores: dict[str, Store]
    if tier == "host" and not homes.devices[0].startswith("cpu"):
        main = load_weights(checkpoints, "cpu", pinned=True)  # one memory for all devices
        stores = {device: staged(main, part, device) for device, part in parts.items()}
    else:
        stores = {
            device: open_weights(part, device, tier, rounding) for device, part in parts.items()
        }
    held = [store for store in stores.values() if isinstance(store, Weights)]
    if len(held) == len(stores):
        return reduce(joined, held)
    return SpreadWeights(stores, homes)
