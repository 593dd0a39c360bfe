"""Chooses where base and experts are kept on one device, from what they need and what is free."""

from dataclasses import dataclass

from optimerge.errors import OptimergeError
from optimerge.merge.free import free_main, free_on, size
from optimerge.merge.need import Need, Work, predicted
from optimerge.merge.tiers import Tier
from optimerge.search.models import Models
from optimerge.space.space import SearchSpace

RESERVE = 8
"""This fraction of what is free, one eighth, is kept for scoring."""
WHERE = {
    "device": "base and experts beside the model",
    "host": "base and experts in main memory, copied to the device while merging",
    "disk": "base and experts read from disk while merging",
}


@dataclass(frozen=True)
class Choice:
    """A tier with what it takes and what there is."""

    need: Need
    free: int
    """Bytes free on the device."""

    @property
    def tier(self) -> Tier:
        """The tier."""
        return self.need.tier

    @property
    def scarce(self) -> bool:
        """Whether less than the reserve is left for scoring."""
        return self.need.peak > usable(self.free)

    @property
    def short(self) -> str:
        """The choice in a few words."""
        return f"{self.tier} tier: {size(self.need.peak)} of {size(self.free)}"

    def text(self, device: str) -> str:
        """Return the choice in one line."""
        kept = f"{size(self.free - self.need.peak)} left for scoring"
        warning = ", which is little: use a smaller batch_size" if self.scarce else ""
        host = f" and {size(self.need.host)} of main memory" if self.need.host else ""
        return (
            f"about {size(self.need.peak)} of {size(self.free)} free on {device}{host} "
            f"({self.tier}: {WHERE[self.tier]}); {kept}{warning}"
        )


def usable(free: int) -> int:
    """Return what may be taken of the free memory, the reserve for scoring kept."""
    return free - free // RESERVE


def needed(models: Models, space: SearchSpace, tier: Tier = "device", device: str = "cpu") -> Need:
    """Return what a search of the space takes in a tier, before scoring."""
    return predicted(models.checkpoints, work_of(models, space), tier, device)


def work_of(models: Models, space: SearchSpace) -> Work:
    """Return what the engine of a search is to do."""
    recipe = space.any_recipe
    return Work(
        methods=(*space.methods, "passthrough", "linear"),  # the parents are copied
        mode="exact" if space.search.exact else "fast",
        math=recipe.dtype,
        out=recipe.out_dtype,
        vocabulary=models.vocabulary,
        resident=models.resident,
        statistics=models.statistics.bytes if models.statistics else 0,
        rounding=models.rounding,
    )


def tiers_for(models: Models, space: SearchSpace, device: str) -> tuple[Tier, ...]:
    """Return the tiers to try, fastest first; OptimergeError if the one asked for cannot be."""
    asked = space.search.memory
    on_cpu = device.partition(":")[0] == "cpu"
    if models.rounding:
        if asked not in ("auto", "device"):
            raise OptimergeError(
                f"{space.file}: int8 task vectors are kept beside the resident model, and memory "
                f"{asked!r} keeps experts elsewhere; leave one of the two out"
            )
        return ("device",)
    if asked != "auto":
        return (asked,)
    return ("device", "disk") if on_cpu else ("device", "host", "disk")


def choose_tier(models: Models, space: SearchSpace, device: str) -> Choice:
    """Return the fastest tier that fits, or the one that the space names.

    OptimergeError if it does not fit; one that is named may leave nothing for scoring.
    """
    free, main = free_on(device), free_main()
    for tier in tiers_for(models, space, device):
        found = Choice(needed(models, space, tier, device), free)
        enough = found.need.host <= usable(main)
        if enough and found.need.peak <= usable(free):
            return found
    if found.need.peak <= free and enough:
        return found
    raise OptimergeError(_refusal(found, device, main, space.search.memory))


def _refusal(found: Choice, device: str, main: int, asked: str) -> str:
    need = found.need
    few = f"{found.tier} tier: " if asked != "auto" else "even with base and experts on disk "
    if need.peak > found.free:
        what = f"{size(need.peak)} are needed on {device} and {size(found.free)} are free"
    else:
        what = f"{size(need.host)} of main memory are needed and {size(main)} are free"
    remedy = "use --memory auto" if asked not in ("auto", "disk") else "take a smaller model"
    if need.temporaries > need.resident:
        remedy = "search with methods that need less at a time (ties, dare_ties, linear)"
    return f"not enough memory: {few}{what}; free some, {remedy} or use a larger machine"
