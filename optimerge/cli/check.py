"""`optimerge check`: would this search run?"""

from pathlib import Path

import click

from optimerge.cli.options import ALLOW_CODE, DEVICE, SPACE, STRICT, TRUST_CODE


@click.command("check")
@SPACE
@click.option(
    "--offline",
    is_flag=True,
    help="Check what needs neither models nor a network: schema, methods, dimensions, task and "
    "metric names, sampler, files. Memory and time are estimates then.",
)
@STRICT
@ALLOW_CODE
@TRUST_CODE
@DEVICE
def command(
    space: Path, offline: bool, strict: bool, allow_code: bool, trust_code: bool, device: str
) -> None:
    """Check a search space: models fit together, dimensions, memory, tasks. Loads no weights.

    Reads configs and safetensors headers, and looks the tasks up. Only `layer_groups: auto` makes
    it read the weights, once.

    \b
    Examples:
      optimerge check search_spaces/mine.yaml
      optimerge check --offline search_spaces/mine.yaml     # no models, no network, no torch
    """
    from optimerge.space.read import read_space
    from optimerge.space.settings import overridden

    wanted = overridden(read_space(space), strict=strict)
    if offline:
        from optimerge.cli.checking_offline import print_offline_check

        print_offline_check(wanted, allow_code=allow_code)
        return
    from optimerge.cli.checking import print_check

    print_check(wanted, device, allow_code=allow_code, trust_code=trust_code)
