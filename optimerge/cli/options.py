"""Options and arguments that several commands share."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from optimerge.checkpoint.code import FLAG
from optimerge.cli import completing
from optimerge.cli.run_argument import RunArgument
from optimerge.errors import OptimergeError

RUN = click.argument("run", type=RunArgument(), shell_complete=completing.runs)
SPACE = click.argument("space", type=click.Path(path_type=Path), shell_complete=completing.spaces)
DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEV",
    shell_complete=completing.devices,
    help="Where to merge and score: cpu, cuda, cuda:1; auto takes cuda if it is there. Several, "
    "cuda:0,cuda:1, share one model: see --device-map of `optimerge search`.",
)
DEVICE_MAP = click.option(
    "--device-map",
    type=click.Choice(["auto", "balanced", "sequential"]),
    help="Share a model that is too large for one device out to all CUDA devices, or those that "
    "--device names; with --workers, each worker has as many of them. auto, balanced: all equally "
    "full. sequential: the first is filled first. A map by module goes into the space. "
    "Default: the space's, or one device.",
)

STORAGE = click.option(
    "--storage",
    metavar="URL",
    default="",
    help="Database that keeps the run: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, "
    "mysql+..., sqlite:///FILE (one worker) or grpc://HOST:PORT. Default: $OPTIMERGE_STORAGE, "
    "which other users of the machine do not see, or a journal in the run folder.",
)
ARTIFACTS = click.option(
    "--artifacts",
    metavar="URL",
    default="",
    help="Where evidence and prompts are kept, for other machines to read: a folder that all see, "
    "or s3://BUCKET/PATH, gs://..., az://..., sftp://... Given when the run is started, it holds "
    "from then on. Default: $OPTIMERGE_ARTIFACTS, or the run folder.",
)
PICK = click.option(
    "--pick",
    metavar="HOW",
    default="knee",
    shell_complete=completing.picks,
    show_default=True,
    help="knee (the best bargain), mean (best mean over the objectives), best:OBJECTIVE, "
    "weights:a=2,b=1 (best weighted mean, in units of the parents' range), dominates:PARENT (as "
    "good as that parent in everything, better in something) or trial:N.",
)
AT_LEAST = click.option(
    "--at-least",
    metavar="NAME=NUMBER",
    multiple=True,
    shell_complete=completing.limits,
    help="Pick only from trials whose score NAME is no lower; again for more limits. "
    "Default: no limit.",
)
AT_MOST = click.option(
    "--at-most",
    metavar="NAME=NUMBER",
    multiple=True,
    shell_complete=completing.limits,
    help="Pick only from trials whose score NAME is no higher; again for more limits. "
    "Default: no limit.",
)
STRICT = click.option(
    "--strict",
    is_flag=True,
    help="Refuse a task that has fewer documents than asked for, instead of using fewer.",
)
ALLOW_CODE = click.option(
    "--allow-code",
    is_flag=True,
    help="Let local task files and the space run the Python functions that they name. Read "
    "them first.",
)
TRUST_CODE = click.option(
    FLAG,
    "trust_code",
    is_flag=True,
    help="Let models run the Python that their folders hold or name (auto_map in config.json). "
    "Read it first.",
)


def time_of_day(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the value of an option that is a time of day, HH:MM, checked."""
    from optimerge.space.clock import checked_clock

    try:
        return None if value is None else checked_clock(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def refuse_torchrun() -> None:
    """Raise OptimergeError in one of several processes that are to run one model together."""
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1":
        raise OptimergeError(
            "torchrun: candidates are written to whole tensors in one process, so a model cannot "
            "be cut over processes (tensor parallel); start without torchrun, with --device-map "
            "auto to share one model out, or with --workers N"
        )


def chosen_device(name: str, device_map: "str | Mapping[str, str] | None" = None) -> str:
    """Return the device to use, or several with commas between; OptimergeError if one is not there.

    `device_map`: how a model is shared out, if it is; one by modules names the devices itself.
    """
    import torch

    if isinstance(device_map, Mapping):
        named = list(dict.fromkeys(device_map.values()))
        if name != "auto":
            raise OptimergeError(
                f"--device {name}: search.device_map names its devices ({', '.join(named)}); leave "
                "one of the two out"
            )
        computing = [each for each in named if each not in ("disk", "meta")]  # refused later
        return ",".join(chosen_device(each) for each in computing)
    if "," in name:
        several = [chosen_device(each.strip()) for each in name.split(",")]
        if len(set(several)) < len(several) or not all(s.startswith("cuda:") for s in several):
            raise OptimergeError(
                f"--device {name}: only different CUDA devices share a model; give cuda:0,cuda:1"
            )
        return ",".join(several)
    if device_map and name in ("auto", "cuda") and torch.cuda.is_available():
        return ",".join(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise OptimergeError(f"--device {name}: no such device; give cpu, cuda or cuda:N") from None
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise OptimergeError(
            f"--device {name}: {count} CUDA devices are there; give cpu or another"
        )
    return name
