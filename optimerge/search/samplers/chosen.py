"""The sampler that a search space asks for: a name, or `module:Class`, with its options."""

from optimerge.errors import RunError
from optimerge.search.samplers.external import external_sampler
from optimerge.search.samplers.named import NamedSampler
from optimerge.search.samplers.registry import sampler_named
from optimerge.space.space import SearchSpace


def chosen_sampler(space: SearchSpace, *, allow_code: bool = False) -> NamedSampler:
    """Return the sampler of `search: {sampler: ...}`, checked.

    OptimergeError, in one sentence, for one that is not known, cannot be loaded or made, or may
    not be: code from other modules than Optuna's runs only if `allow_code`.
    """
    asked = space.search.sampler
    name, options = (asked, {}) if isinstance(asked, str) else (asked.name, asked.options)
    if ":" in name:
        return external_sampler(name, options, space, allow_code=allow_code)
    sampler = sampler_named(name).having(options, f"{space.file}: search.sampler")
    if (count := len(space.optimized)) > (sampler.most_objectives or count):
        raise RunError(
            f"{space.file}: sampler {name!r} takes at most {sampler.most_objectives} objectives and "
            f"there are {count}; choose another, or give some `optimize: false`"
        )
    return sampler
