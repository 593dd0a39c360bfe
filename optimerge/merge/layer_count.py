"""A resident model of which each candidate uses the first layers, as many as it has.

The model is loaded with the base's layers and grown to those of the largest candidate. transformers
makes every layer for its place (cache index, kind of attention); what it makes of a layer in a
place does not depend on how many layers follow, and where it does the model is refused. So a
candidate of n layers is the first n places, a config that says n, and nothing else.
"""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from optimerge.checkpoint.architecture import layer_of
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.layer_count import resized
from optimerge.errors import CheckpointError, OptimergeError, TrialError
from optimerge.merge.plan import MergePlan
from optimerge.merge.resident import config_like, outline
from optimerge.merge.target import Target
from optimerge.merge.targets import find_targets

if TYPE_CHECKING:
    from torch.nn import Module, ModuleList
    from transformers import PreTrainedModel

T = TypeVar("T")
Facts = dict[str, Any]
_LONGEST = 120
_PLAIN = (bool, int, float, str, type(None))


class LayerCount:
    """The decoder of a resident model, grown to `most` layers, and how many are in use."""

    def __init__(self, model: "PreTrainedModel", base: Checkpoint, most: int) -> None:
        self.model, self.base = model, base
        self.most = max(most, base.layers)
        self._stack = _stack(model, base)
        _grow(self._stack, self._outline(self.most), base, self.most)
        self._places = list(self._stack)
        self._configs: dict[int, dict[type, Facts]] = {}
        self._changed: dict[type, set[str]] = {}
        self.use(self.most)

    @cached_property
    def targets(self) -> dict[str, Target]:
        """Where the model holds each tensor of a candidate of most layers."""
        used = self.layers
        self.use(self.most)
        found = find_targets(self.model, resized(self.base, self.most))
        self.use(used)
        return found

    @property
    def layers(self) -> int:
        """Number of layers in use."""
        return len(self._stack)

    def use(self, layers: int) -> None:
        """Make the model one of so many layers, by its modules and by its config."""
        del self._stack[layers:]
        self._stack.extend(self._places[len(self._stack) : layers])
        for config in _configs(self.model):
            wanted = self._config(layers).get(type(config), {})
            for key in self._changed.get(type(config), ()):
                setattr(config, key, copy.copy(wanted[key]))

    def follow(self, plan: MergePlan) -> None:
        """Take the plan's number of layers; TrialError if the model cannot hold its tensors."""
        if plan.layers > self.most:
            raise TrialError(f"the recipe has {plan.layers} layers, the model room for {self.most}")
        names = {tensor.name for tensor in plan.tensors}
        if odd := names ^ resized(self.base, plan.layers).merged.keys():
            what = self.base.architecture
            raise TrialError(f"{min(odd)} is only in the recipe, or only in a {what}")
        self.use(plan.layers)

    def live(self, names: Collection[str]) -> list[str]:
        """Return those of these tensors that belong to the layers in use, or to none."""
        return [name for name in names if (layer_of(name) or 0) < self.layers]

    def _outline(self, layers: int) -> "ModuleList":
        return _stack(outline(resized(self.base, layers)), resized(self.base, layers))

    def _config(self, layers: int) -> dict[type, Facts]:
        """Return what the config.json of a build says, by class of config."""
        if layers not in self._configs:
            for n in {layers, self.base.layers} - self._configs.keys():
                made = config_like(self.model.config, resized(self.base, n).config)
                parts = {type(part): part for part in (made.get_text_config(), made)}
                self._configs[n] = {kind: part.to_dict() for kind, part in parts.items()}
            own = self._configs[self.base.layers]
            for kind, facts in self._configs[layers].items():
                # Of a config in a config the inner one is changed, which is the same object.
                changed = {
                    key
                    for key, value in facts.items()
                    if value != own[kind].get(key) and not isinstance(value, dict)
                }
                self._changed.setdefault(kind, set()).update(changed)
        return self._configs[layers]


def check_depths(base: Checkpoint, least: int, most: int) -> None:
    """Raise CheckpointError unless candidates of these numbers of layers can be made in place.

    Compares the outlines that transformers makes of models of `least`, the base's and `most`
    layers; no weights are read or allocated.
    """
    whole = resized(base, max(most, base.layers))
    large = _made(base, whole.layers, partial(outline, whole))
    _stack(large, whole)
    find_targets(large, whole)
    for layers in sorted({least, most, base.layers} - {whole.layers}):
        part = resized(base, layers)
        small = _made(base, layers, partial(outline, part))
        if odd := _difference(small, large):
            raise _refusal(base, f"{odd} depends on how many layers there are")


def _made(base: Checkpoint, layers: int, make: Callable[[], T]) -> T:
    from huggingface_hub.errors import StrictDataclassError

    try:
        return make()
    except OptimergeError:
        raise
    except (StrictDataclassError, ValueError, TypeError, LookupError, AttributeError) as error:
        # What transformers raises where a config has a list of another length than the layers.
        said = " ".join(str(error).split())
        short = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
        raise _refusal(base, f"transformers makes none of {layers} layers: {short}") from error


def _refusal(base: Checkpoint, why: str) -> CheckpointError:
    return CheckpointError(
        f"{base.reference}: the number or order of the layers of a {base.architecture} cannot be "
        f"searched ({why}); `optimerge build` can build such a recipe"
    )


def _stack(model: "PreTrainedModel", checkpoint: Checkpoint) -> "ModuleList":
    """Return the list of the decoder's layers."""
    from torch.nn import ModuleList

    found = [
        module
        for name, module in model.named_modules()
        if isinstance(module, ModuleList)
        and layer_of(f"{name}.0") == 0
        and len(module) == checkpoint.layers
    ]
    outer = [m for m in found if not any(m in set(other.modules()) - {other} for other in found)]
    if len(outer) != 1:
        raise _refusal(checkpoint, f"it has {len(outer)} lists of {checkpoint.layers} layers")
    return outer[0]


def _grow(stack: "ModuleList", wanted: "ModuleList", base: Checkpoint, layers: int) -> None:
    """Append layers: copies of those that are most like what transformers makes there."""
    old = list(stack)
    for place in range(len(old), layers):
        facts = _facts(wanted[place])
        like = max(old, key=lambda layer: sum(_facts(layer).get(k) == v for k, v in facts.items()))
        shared = {id(config): config for config in _configs(like)}
        grown = copy.deepcopy(like, shared)
        for name, module in grown.named_modules():
            fresh = wanted[place].get_submodule(name)
            for key, value in _plain(fresh).items():
                setattr(module, key, copy.copy(value))
        stack.append(grown)
    for place, layer in enumerate(stack):
        ours, theirs = _facts(layer), _facts(wanted[place])
        if odd := sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)):
            raise _refusal(base, f"{odd[0]} of layer {place} is not what transformers makes anew")
    _check_buffers(old, base)


def _check_buffers(layers: "list[Module]", base: Checkpoint) -> None:
    """Refuse constants that differ from layer to layer: a copy would have another layer's."""
    import torch

    first = dict(layers[0].named_buffers())
    for layer in layers[1:]:
        for name, buffer in layer.named_buffers():
            if name not in first or not torch.equal(buffer, first[name]):
                raise _refusal(base, f"its layers have constants of their own, {name}")


def _difference(small: "PreTrainedModel", large: "PreTrainedModel") -> str | None:
    """Return the first thing of the smaller outline that is otherwise in the larger one."""
    others = dict(large.named_modules())
    for name, module in small.named_modules():
        other = others.get(name)
        if other is None or type(other) is not type(module):
            return str(name)
        inside = layer_of(name) is not None
        ours, theirs = (_own_facts(m, inside=inside) for m in (module, other))
        # Outside, rotary positions have settings for each kind of attention that there is.
        keys = ours.keys() | theirs.keys() if inside else ours.keys()
        if odd := sorted(key for key in keys if ours.get(key) != theirs.get(key)):
            return f"{name}.{odd[0]}"
    return None


def _own_facts(module: "Module", *, inside: bool) -> Facts:
    """Return a module's plain settings and the shapes of its tensors, without its submodules'.

    Outside the layers, lists and constants are left out: they too say what kinds there are.
    """
    plain = {k: v for k, v in _plain(module).items() if inside or isinstance(v, _PLAIN)}
    tensors = {**module._parameters, **(module._buffers if inside else {})}
    return plain | {f"{k}: shape": t.shape for k, t in tensors.items() if t is not None}


def _facts(layer: "Module") -> Facts:
    """Return all plain settings of a layer's modules, and the shapes of its tensors."""
    found: Facts = {}
    for name, module in layer.named_modules():
        found[f"{name}: class"] = type(module)
        own = _own_facts(module, inside=True)
        found |= {f"{name}.{key}".lstrip("."): value for key, value in own.items()}
    return found


def _plain(module: "Module") -> Facts:
    """Return the settings of a module that are plain data; what torch keeps is left out."""
    return {
        key: value
        for key, value in vars(module).items()
        if not key.startswith("_") and key != "training" and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return isinstance(value, _PLAIN)


def _configs(module: "Module") -> Iterator[Any]:
    """Yield every config that a part of the module holds, once each."""
    from transformers import PretrainedConfig

    seen: set[int] = set()
    for part in module.modules():
        config = getattr(part, "config", None)
        if isinstance(config, PretrainedConfig) and id(config) not in seen:
            seen.add(id(config))
            yield config
