"""Chooses where base and experts are kept, on one device or shared out to several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from optimerge.checkpoint.dtypes import BITS, FILE_NAMES
from optimerge.errors import OptimergeError
from optimerge.merge.device_map import Policy, share_out, units_of
from optimerge.merge.dispatch import check_map
from optimerge.merge.free import free_main, free_on, size
from optimerge.merge.homes import DeviceMap, Homes, find_homes
from optimerge.merge.need import Need, Work, predicted
from optimerge.merge.resident import outline, resize
from optimerge.merge.steps import place_of, sources_of
from optimerge.merge.target import Target
from optimerge.merge.targets import find_targets
from optimerge.merge.tiers import Tier
from optimerge.search.models import Models
from optimerge.search.tiers import WHERE, Choice, choose_tier, tiers_for, usable, work_of
from optimerge.space.space import SearchSpace

SEVERAL = ","
"""Between the names of devices that one model is shared out to."""


@dataclass(frozen=True)
class Share:
    """One device's part of a model, with base and experts."""

    device: str
    need: Need
    free: int

    @property
    def fits(self) -> bool:
        """Whether the reserve for scoring is left."""
        return self.need.peak <= usable(self.free)


@dataclass(frozen=True)
class Spread:
    """A model on several devices: as `Choice`, of each of them."""

    tier: Tier
    shares: tuple[Share, ...]
    device_map: DeviceMap

    @property
    def short(self) -> str:
        """The choice in a few words."""
        parts = (f"{size(s.need.peak)} of {size(s.free)} on {s.device}" for s in self.shares)
        return f"{self.tier} tier: {', '.join(parts)}"

    def text(self, device: str) -> str:
        """Return the choice in one line; `device` is not needed."""
        parts = (f"{size(s.need.peak)} of {size(s.free)} free on {s.device}" for s in self.shares)
        main = sum(share.need.host for share in self.shares)
        host = f" and {size(main)} of main memory" if main else ""
        scarce = " and ".join(share.device for share in self.shares if not share.fits)
        warning = f"; little is left for scoring on {scarce}: use a smaller batch_size"
        return (
            f"about {', '.join(parts)}{host} ({self.tier}: {WHERE[self.tier]})"
            f"{warning if scarce else ''}"
        )


def choose_tiers(models: Models, space: SearchSpace, device: str) -> Choice | Spread:
    """Return where all is kept; `device`: one, or several that are to share the model.

    OptimergeError if it does not fit, CheckpointError if the space's `device_map` cannot be.
    """
    if space.search.device_map is None and SEVERAL not in device:
        return choose_tier(models, space, device)
    return _Sharing(models, space, device.split(SEVERAL)).choose()


class _Sharing:
    """What does not depend on the tier: the outline of the model, and where its tensors go."""

    def __init__(self, models: Models, space: SearchSpace, devices: Sequence[str]) -> None:
        self.models, self.space, self.devices = models, space, devices
        self.work: Work = work_of(models, space)
        self.model = outline(models.resident)
        if models.vocabulary:
            self.model = resize(self.model, models.base, models.vocabulary.rows)
        self.targets: dict[str, Target] = find_targets(
            self.model, models.resident, models.vocabulary
        )
        self.free: dict[str, int] = {}

    def choose(self) -> Spread:
        asked = self.space.search.memory
        tiers = tiers_for(self.models, self.space, self.devices[0])
        main = free_main()
        for tier in tiers:
            found = self._spread(tier)
            enough = sum(share.need.host for share in found.shares) <= usable(main)
            if enough and all(share.fits for share in found.shares):
                return found
        if enough and all(share.need.peak <= share.free for share in found.shares):
            return found
        raise OptimergeError(_refusal(found, main, asked))

    def _spread(self, tier: Tier) -> Spread:
        device_map = self._map(tier)
        check_map(self.model, device_map)
        homes = find_homes(self.model, self.models.resident, self.targets, device_map)
        needs = {device: self._need(homes, device, tier) for device in homes.devices}
        shares = [Share(device, need, self._free(device)) for device, need in needs.items()]
        return Spread(tier, tuple(shares), device_map)

    def _map(self, tier: Tier) -> DeviceMap:
        asked = self.space.search.device_map
        if isinstance(asked, Mapping):
            return asked
        policy: Policy = asked or "auto"
        whole = predicted(self.models.checkpoints, self.work, tier, self.devices[0])
        over = whole.temporaries + whole.buffers + (whole.weights if tier != "device" else 0)
        room = {device: max(1, usable(self._free(device)) - over) for device in self.devices}
        return share_out(units_of(self.model, self._loads(tier)), room, policy)

    def _free(self, device: str) -> int:
        if device not in self.free:
            self.free[device] = free_on(device)
        return self.free[device]

    def _loads(self, tier: Tier) -> dict[str, int]:
        """Return the bytes that a device holds for the sake of each weight, by live name."""
        out = BITS[FILE_NAMES[self.work.out or self.models.base.dtype]] // 8
        weights = self.model.named_parameters()
        loads = {name: prod(weight.shape) * out for name, weight in weights}
        if tier != "device":
            return loads
        seen = set()
        for checkpoint in self.models.checkpoints:
            rounding = self.models.rounding
            for name, info in sources_of(checkpoint).items():
                target = self.targets.get(name)
                if target is None or target.owners[0] not in loads or place_of(info) in seen:
                    continue
                seen.add(place_of(info))
                kept = rounding.held_bytes(checkpoint, name) if rounding else info.bytes
                loads[target.owners[0]] += kept
        return loads

    def _need(self, homes: Homes, device: str, tier: Tier) -> Need:
        part = homes.part(self.models.resident, device)
        share = part.bytes / self.models.resident.bytes
        work = replace(
            self.work,
            out=self.work.out or self.models.base.dtype,
            resident=part,
            statistics=round(self.work.statistics * share),
        )
        own = [homes.part(checkpoint, device) for checkpoint in self.models.checkpoints]
        return predicted(own, work, tier, device)


def _refusal(found: Spread, main: int, asked: str) -> str:
    few = f"{found.tier} tier: " if asked != "auto" else "even with base and experts on disk "
    full = [share for share in found.shares if share.need.peak > share.free]
    if full:
        worst = max(full, key=lambda share: share.need.peak - share.free)
        what = (
            f"{size(worst.need.peak)} are needed on {worst.device} and {size(worst.free)} are free"
        )
    else:
        host = sum(share.need.host for share in found.shares)
        what = f"{size(host)} of main memory are needed and {size(main)} are free"
    remedy = "use --memory auto" if asked not in ("auto", "disk") else "give it more devices"
    return f"not enough memory: {few}{what}; free some, {remedy} or take a smaller model"
