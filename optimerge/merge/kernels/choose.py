"""Chooses the back end of the fused kernels for a device: all give the same bytes."""

import os
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from optimerge.errors import OptimergeError
from optimerge.merge.kernels.program import Kernels

if TYPE_CHECKING:
    from torch import device

KERNELS_VARIABLE = "OPTIMERGE_KERNELS"
"""Environment variable that names a back end: torch, compiled or triton."""
NAMES = ("torch", "compiled", "triton")


@cache
def kernels_for(on: "device | str") -> Kernels:
    """Return the fastest back end that this device has, or the one that the environment names."""
    import torch

    found = torch.device(on)
    asked = os.environ.get(KERNELS_VARIABLE, "")
    if asked and asked not in NAMES:
        raise OptimergeError(
            f"{KERNELS_VARIABLE}={asked!r} is no back end; give one of {', '.join(NAMES)}"
        )
    name = asked or _best(found)
    if name == "compiled":
        from optimerge.merge.kernels.cpu import CompiledKernels

        return CompiledKernels()
    if name == "triton":
        from optimerge.merge.kernels.triton_kernels import TritonKernels

        return TritonKernels(found)
    from optimerge.merge.kernels.reference import TorchKernels

    return TorchKernels(found)


def _best(on: "device") -> str:
    if on.type == "cpu":
        from optimerge.merge.kernels.library import available

        return "compiled" if available().levels else "torch"
    return "triton" if on.type == "cuda" and find_spec("triton") else "torch"
