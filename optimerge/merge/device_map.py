"""Shares the modules of a model out to devices, in their order, as evenly as they come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from optimerge.merge.dispatch import no_split

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel

Policy = Literal["auto", "balanced", "sequential"]
"""auto, balanced: all devices equally full. sequential: the first is filled first, then the next.

As transformers means them; there auto is balanced too.
"""
HALVINGS = 40


@dataclass(frozen=True)
class Unit:
    """What is on one device: a layer, an embedding, a norm."""

    name: str
    load: int
    """Bytes of what is on the device for its sake; of weights that an earlier one has, none."""
    tied_to: str = ""
    """The earlier unit that holds a weight of this one too."""


def units_of(model: "PreTrainedModel", loads: Mapping[str, int]) -> list[Unit]:
    """Cut a model (an outline will do) where transformers lets it be cut.

    `loads`: bytes by the live name of a weight. Modules with weights of their own are not cut,
    but for the model as a whole, whose own weights are units.
    """
    whole = {id(module) for _, module in no_split(model)}
    found: list[Unit] = []
    holder: dict[int, str] = {}

    def add(name: str, inside: Mapping[str, object]) -> None:
        tied = next((holder[id(p)] for p in inside.values() if id(p) in holder), "")
        load = sum(loads.get(n, 0) for n, p in inside.items() if id(p) not in holder)
        holder.update({id(p): name for p in inside.values() if id(p) not in holder})
        found.append(Unit(name, load, tied))

    def walk(module: "Module", name: str) -> None:
        start = f"{name}." if name else ""
        children = list(module.named_children())
        if name and (id(module) in whole or not children or module._parameters):
            own = module.named_parameters(remove_duplicate=False)
            add(name, {start + each: parameter for each, parameter in own})
            return
        for each, parameter in module._parameters.items():
            add(start + each, {start + each: parameter})
        for each, child in children:
            walk(child, start + each)

    walk(model, "")
    return found


def share_out(units: Sequence[Unit], room: Mapping[str, int], policy: Policy) -> dict[str, str]:
    """Return the device of every unit. `room`: bytes for units, by device, the first one first.

    Neighbours stay together, so that a forward goes from each device to the next once. What is tied
    is where the first holder is; what has no weights, on the first device. If all is too much, the
    devices are too full alike (`sequential`: the last is): that is for the caller to refuse.

    >>> units = [Unit(name, 10) for name in "abcd"] + [Unit("head", 0, "a"), Unit("rotary", 0)]
    >>> share_out(units, {"one": 50, "two": 50}, "auto")
    {'a': 'one', 'b': 'one', 'c': 'two', 'd': 'two', 'head': 'one', 'rotary': 'one'}
    >>> share_out(units, {"one": 30, "two": 30}, "sequential")["c"]
    'one'
    """
    if policy == "sequential":
        return _filled(units, room, 1.0)[0]
    low, high = 0.0, sum(unit.load for unit in units) / max(1, min(room.values()))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _filled(units, room, middle)[1] else (middle, high)
    return _filled(units, room, high)[0]


def _filled(
    units: Sequence[Unit], room: Mapping[str, int], share: float
) -> tuple[dict[str, str], bool]:
    """Fill each device up to that share of its room; return where all is, and whether it fits."""
    devices = list(room)
    place, taken, fits = 0, 0, True
    found: dict[str, str] = {}
    for unit in units:
        if unit.tied_to:
            found[unit.name] = found[unit.tied_to]
            taken += unit.load if found[unit.name] == devices[place] else 0
            continue
        if not unit.load:
            found[unit.name] = devices[0]
            continue
        while taken + unit.load > share * room[devices[place]] and place < len(devices) - 1:
            place, taken = place + 1, 0
        taken += unit.load
        fits = fits and taken <= share * room[devices[place]]
        found[unit.name] = devices[place]
    return found, fits
