"""Merges each tensor on the device where the resident model holds it, however many there are."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.checkpoint.read import TensorReader
from optimerge.merge.change import Change
from optimerge.merge.homes import Homes
from optimerge.merge.placer import Dtypes, Placer
from optimerge.merge.plan import TensorPlan
from optimerge.merge.store import Store
from optimerge.merge.together import Together, together
from optimerge.merge.weights import Weights
from optimerge.methods.protocol import Selection

if TYPE_CHECKING:
    Jobs = Sequence[tuple[TensorPlan, Selection]]


@dataclass(frozen=True)
class Hands:
    """What merges on each device of a resident model: a `Placer`, and maybe many at once."""

    homes: Homes
    placers: Mapping[str, Placer]
    """By device; the kernels and what they remember are of that device."""
    whole: Mapping[str, Together] | None
    """By device, where weights are at hand and the back end takes a candidate in one call."""

    def one(
        self,
        held: Weights,
        tensor: TensorPlan,
        dtypes: Dtypes,
        select: Selection,
        files: Mapping[str, TensorReader] | None,
    ) -> Change | None:
        """Merge one tensor: see `Placer.__call__`."""
        return self.placers[self.homes[tensor.name]](held, tensor, dtypes, select, files)

    def all(
        self, jobs: "Jobs", dtypes: Dtypes, files: Mapping[str, TensorReader] | None
    ) -> Generator[Change | None]:
        """Merge all, a device after the other, then yield each tensor's change in their order.

        TrialError as `Together`. Only where `whole` is there.
        """
        assert self.whole is not None
        found: dict[str, Change | None] = {}
        for device, merge in self.whole.items():
            own = [(tensor, select) for tensor, select in jobs if self.homes[tensor.name] == device]
            for (tensor, _), change in zip(own, merge(own, dtypes, files), strict=True):
                found[tensor.name] = change
        for tensor, _ in jobs:
            yield found[tensor.name]


def make_hands(homes: Homes, placers: Mapping[str, Placer], weights: Store) -> Hands:
    """Return what merges with these placers, one for each device."""
    whole = {device: together(placer, weights) for device, placer in placers.items()}
    every = {device: each for device, each in whole.items() if each is not None}
    return Hands(homes, placers, every if len(every) == len(placers) else None)
