"""Where a model's numbers stop being finite: for the message of a failed trial."""

from collections.abc import Callable, Iterator
from typing import Any

from optimerge.objectives.tokens.request import Chain, Request


def first_bad_layer(model: Any, request: Request, max_length: int) -> str | None:
    """Name the first module whose output is not finite on this request; None if all are.

    A module within a module is done first, so the name is that of the innermost. If one of its
    own parameters is not finite either, the name is that parameter's.
    """
    import torch

    bad: list[str] = []

    def watch(name: str) -> Callable[..., None]:
        def look(module: Any, inputs: Any, output: Any) -> None:
            if not bad and not all(bool(each.isfinite().all()) for each in _floats(output)):
                bad.append(name)

        return look

    handles = [module.register_forward_hook(watch(name)) for name, module in model.named_modules()]
    try:
        inputs = Chain.of(request, 0, max_length).inputs
        with torch.no_grad():
            model(torch.tensor([inputs], device=model.device), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    if not bad:
        return None
    module = model.get_submodule(bad[0])
    for name, parameter in module.named_parameters(prefix=bad[0], recurse=False):
        if not bool(parameter.isfinite().all()):
            return str(name)
    return bad[0] or type(model).__name__


def _floats(output: Any) -> Iterator[Any]:
    import torch

    if isinstance(output, torch.Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, dict):
        for each in output.values():
            yield from _floats(each)
    elif isinstance(output, tuple | list):
        for each in output:
            yield from _floats(each)
