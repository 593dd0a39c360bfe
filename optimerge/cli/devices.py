"""Which device each worker of a search has, and which number."""

import os
from collections.abc import Mapping

from optimerge.cli.options import chosen_device
from optimerge.errors import OptimergeError

ARRAYS = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")
"""Environment variables that number the tasks of a job array."""


def array_index(environment: Mapping[str, str] | None = None) -> int | None:
    """Return which task of a job array this is (SLURM, Kubernetes); None if it is none.

    Workers of one run that have indices of their own do not propose the same at the same moment.
    In a folder that they share they get one from it; in a database the array's is the only one.
    """
    given = os.environ if environment is None else environment
    found = [given[name] for name in ARRAYS if given.get(name, "").isdecimal()]
    return int(found[0]) if found else None


def devices_for(
    workers: int, device: str, device_map: "str | Mapping[str, str] | None" = None
) -> list[str]:
    """Return the device of each worker; OptimergeError if there are not as many.

    With a device map, or several devices named, all are shared out: each worker has several, joined
    by commas, and the first ones have one more where they do not come out even.
    """
    import torch

    if isinstance(device_map, Mapping):
        raise OptimergeError(
            f"--workers {workers}: search.device_map names the devices of one worker; give "
            "device_map: auto, which shares all devices out to the workers"
        )
    chosen = chosen_device(device, device_map)
    if not chosen.startswith("cuda"):
        return [chosen] * workers
    if device_map or "," in chosen:
        every = chosen.split(",")
        if workers > len(every):
            raise OptimergeError(
                f"--workers {workers}: {len(every)} CUDA devices are there for them; give "
                f"--workers {len(every)} or fewer"
            )
        each, more = divmod(len(every), workers)
        sizes = [each + (index < more) for index in range(workers)]
        starts = [sum(sizes[:index]) for index in range(workers)]
        return [",".join(every[a : a + n]) for a, n in zip(starts, sizes, strict=True)]
    there = torch.cuda.device_count()
    if device not in ("auto", "cuda"):
        raise OptimergeError(
            f"--workers {workers} --device {device}: every worker has a device of its own; leave "
            "--device out, or give cpu"
        )
    if workers > there:
        raise OptimergeError(
            f"--workers {workers}: {there} CUDA devices are there; give --workers {there}"
        )
    return [f"cuda:{index}" for index in range(workers)]
