"""Options and arguments that several commands share."""

from pathlib import Path

import click

from optimerge.checkpoint.code import FLAG

RUN = click.argument("run", type=click.Path(path_type=Path, file_okay=False))
SPACE = click.argument("space", type=click.Path(path_type=Path))
DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEV",
    help="Where to merge and score: cpu, cuda, cuda:1; auto takes cuda if it is there.",
)

STORAGE = click.option(
    "--storage",
    metavar="URL",
    default="",
    help="Database that keeps the run: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, "
    "mysql+..., sqlite:///FILE (one worker) or grpc://HOST:PORT. Default: $OPTIMERGE_STORAGE, "
    "which other users of the machine do not see, or a journal in the run folder.",
)
PICK = click.option(
    "--pick",
    metavar="HOW",
    default="knee",
    show_default=True,
    help="knee (the best bargain), mean (best mean over the objectives), best:OBJECTIVE, "
    "weights:a=2,b=1 (best weighted mean, in units of the parents' range), dominates:PARENT (as "
    "good as that parent in everything, better in something) or trial:N.",
)
AT_LEAST = click.option(
    "--at-least",
    metavar="NAME=NUMBER",
    multiple=True,
    help="Pick only from trials whose score NAME is no lower; again for more limits.",
)
AT_MOST = click.option(
    "--at-most", metavar="NAME=NUMBER", multiple=True, help="Likewise, no higher."
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


def chosen_device(name: str) -> str:
    """Return the device to use; OptimergeError if it is not there."""
    import torch

    from optimerge.errors import OptimergeError

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
