"""Puts the parts of a model on several devices, by accelerate's hooks, its weights in arenas."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optimerge.errors import CheckpointError
from optimerge.merge.arena import into_arenas
from optimerge.merge.homes import DeviceMap, device_at

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel

OFFLOADED = ("disk", "meta", "cpu")
"""What accelerate takes for a place but not for a compute device."""


def dispatch(model: "PreTrainedModel", device_map: DeviceMap) -> None:
    """Move a model to the devices of a map, and let each module compute where its weights are.

    Weights go one by one into an arena a device, which they never leave: merges are written there.
    CheckpointError as `check_map`.
    """
    from accelerate import dispatch_model

    check_map(model, device_map)
    into_arenas(model, lambda name: _known(device_map, name))
    # Inputs go where the first weight is, as `model.device` says. A CPU has no parts to accelerate.
    start = _known(device_map, next(name for name, _ in model.named_parameters()))
    dispatch_model(
        model,
        {name: _real(device) for name, device in _flat(model, device_map).items()},
        main_device=_real(start),
        skip_keys=getattr(model, "_skip_keys_device_placement", None),
        force_hooks=len(set(device_map.values())) > 1,
    )


def check_map(model: "PreTrainedModel", device_map: DeviceMap) -> None:
    """Raise CheckpointError unless a map says of every weight on which device it is, once.

    Refused are entries that name nothing, weights without a device or on none that computes, tied
    weights on two, and layers (what transformers does not split) on two. Works on an outline.
    """
    names = {name for name, _ in model.named_modules()}
    weights = dict(model.named_parameters(remove_duplicate=False))
    if odd := [key for key in device_map if key not in names and key not in weights]:
        raise CheckpointError(
            f"device_map: {odd[0]!r} is no part of a {type(model).__name__}; name its modules as "
            "transformers does, or give auto"
        )
    computing = {device for device in device_map.values() if _computes(device)}
    for name in weights:
        place = device_at(device_map, name)
        if place is None:
            raise CheckpointError(f"device_map: {name} has no device; add it, or give auto")
        if place.partition(":")[0] in OFFLOADED and (computing or not place.startswith("cpu")):
            raise CheckpointError(
                f"device_map: {name} is on {place!r}, so a merge could not be written to it; give "
                "it a device that holds it, give auto, or keep base and experts elsewhere "
                "(--memory disk) to make room"
            )
    _check_whole(model, device_map)
    _check_ties(weights, device_map)


def check_resident(model: "Module", reference: str) -> None:
    """Refuse a model of which a weight is not whole in the memory of a device.

    CheckpointError names the first that accelerate offloaded, or that tensor parallelism cut.
    """
    for name, parameter in model.named_parameters():
        if parameter.is_meta:
            raise CheckpointError(
                f"{reference}: {name} is offloaded (on the meta device), so a merge could not be "
                "written to it; use a device that holds the whole model, or more of them "
                "(--device-map auto)"
            )
        if type(parameter.data).__name__ == "DTensor":
            raise CheckpointError(
                f"{reference}: {name} is cut over several processes (tensor parallel), and merges "
                "are written to whole tensors; use --device-map auto, in one process"
            )


def no_split(model: "Module") -> Iterator[tuple[str, Any]]:
    """Yield the modules that are to be on one device, by name: transformers says which."""
    kinds = set(getattr(model, "_no_split_modules", None) or ())
    yield from ((name, m) for name, m in model.named_modules() if type(m).__name__ in kinds)


def _flat(model: "PreTrainedModel", device_map: DeviceMap) -> dict[str, str]:
    """Return the same map with entries that do not lie in each other.

    accelerate moves all of an outer entry first, out of the arena and maybe back.
    """
    found: dict[str, str] = {}

    def walk(module: "Module", name: str) -> None:
        start = f"{name}." if name else ""
        inside = [start + own for own, _ in module.named_parameters()] or [name]
        places = {device_at(device_map, each) for each in inside}
        if len(places) == 1:
            place = places.pop() or device_map.get("")
            if place is not None:  # a module without weights may be anywhere
                found[name] = place
            return
        found.update((start + own, _known(device_map, start + own)) for own in module._parameters)
        for own, child in module.named_children():
            walk(child, start + own)

    walk(model, "")
    return found


def _check_whole(model: "PreTrainedModel", device_map: DeviceMap) -> None:
    for name, module in no_split(model):
        inside = [f"{name}.{own}" for own, _ in module.named_parameters()]
        places = dict.fromkeys(device_at(device_map, each) for each in inside)
        if len(places) > 1:
            raise CheckpointError(
                f"device_map: {name} is on {_several(places)}, and transformers runs a "
                f"{type(module).__name__} on one device; give it one"
            )


def _check_ties(weights: "dict[str, Any]", device_map: DeviceMap) -> None:
    first: dict[int, str] = {}
    for name, parameter in weights.items():
        other = first.setdefault(id(parameter), name)
        places = dict.fromkeys([device_at(device_map, other), device_at(device_map, name)])
        if len(places) > 1:
            raise CheckpointError(
                f"device_map: {other} and {name} are one tensor, which cannot be on "
                f"{_several(places)}; give both the same device"
            )


def _several(places: "dict[str | None, None]") -> str:
    return " and ".join(map(str, places))


def _computes(device: str) -> bool:
    return device.partition(":")[0] not in OFFLOADED


def _known(device_map: DeviceMap, name: str) -> str:
    found = device_at(device_map, name)
    assert found is not None, name  # the map was checked
    return found


def _real(device: str) -> str:
    """Return a device as accelerate has it: to it "cpu" is a name, "cpu:1" another device."""
    return "cpu" if device.startswith("cpu") else device
