"""On which device the resident model holds each tensor of its checkpoint, where it has several."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from optimerge.checkpoint.folder import Checkpoint
from optimerge.merge.conversion import groups, live_names
from optimerge.merge.target import Target

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DeviceMap = Mapping[str, str]
"""Device by the name of a module or parameter of the live model; "" is the whole model."""


@dataclass(frozen=True)
class Homes:
    """Devices of a resident model, the first one where its inputs go."""

    devices: tuple[str, ...]
    of: Mapping[str, str] = field(default_factory=dict)
    """Device by the checkpoint's name of a tensor; of others, which the model does not use, the
    first."""

    def __getitem__(self, name: str) -> str:
        """Return the device of a tensor, by its checkpoint's name."""
        return self.of.get(name, self.devices[0])

    def part(self, checkpoint: Checkpoint, device: str) -> Checkpoint:
        """Return the headers of the tensors of a model that are at home on a device."""
        return only(checkpoint, lambda name: self[name] == device)


def only(checkpoint: Checkpoint, keep: Callable[[str], bool]) -> Checkpoint:
    """Return a checkpoint with some of its tensors, by name; what is merged of them stays so."""
    made = replace(checkpoint, tensors={n: i for n, i in checkpoint.tensors.items() if keep(n)})
    # A cached property, which would be found anew, from fewer names.
    vars(made)["merged"] = {n: info for n, info in checkpoint.merged.items() if keep(n)}
    return made


def device_at(device_map: DeviceMap, name: str) -> str | None:
    """Return the device of a live parameter or module by its own entry or the nearest above it.

    >>> device_at({"": "cuda:0", "model.layers.1": "cuda:1"}, "model.layers.1.mlp.up_proj.weight")
    'cuda:1'
    >>> device_at({"": "cuda:0", "model.layers.1": "cuda:1"}, "model.layers.10.mlp.up_proj.weight")
    'cuda:0'
    """
    while name and name not in device_map:
        name = name.rpartition(".")[0]
    return device_map.get(name)


def find_homes(
    model: "PreTrainedModel",
    checkpoint: Checkpoint,
    targets: Mapping[str, Target],
    device_map: DeviceMap,
) -> Homes:
    """Return where a model keeps its tensors under a device map that covers it.

    `targets`: of the checkpoint in that model (which may be an outline), see `find_targets`.
    """
    owner = {name: target.owners[0] for name, target in targets.items()}
    for group in groups(model, checkpoint.copied):
        first = next(iter(live_names(group)), None)
        if first is not None:
            owner |= {name: first for names in group.names.values() for name in names}
    places = {name: device_at(device_map, live) for name, live in owner.items()}
    first_of_all = next(iter(dict(model.named_parameters())))
    start = device_at(device_map, first_of_all)
    found = {name: place for name, place in places.items() if place is not None}
    order = dict.fromkeys([*([start] if start else []), *device_map.values()])
    return Homes(tuple(order), found)
