"""`optimerge samplers`: the samplers there are."""

import click


@click.command("samplers")
def command() -> None:
    """List the samplers that --sampler and `search: {sampler: ...}` take.

    \b
    Example:
      optimerge samplers
    """
    from optimerge.search.samplers.registry import SAMPLERS

    width = max(map(len, SAMPLERS))
    for sampler in SAMPLERS.values():
        paper = f" [{sampler.paper}]" if sampler.paper else ""
        click.echo(f"{sampler.name:{width}}  {sampler.summary}{paper}")
