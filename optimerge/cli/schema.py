"""`optimerge schema`: the JSON Schema of search spaces and recipes, for editors."""

import json
from pathlib import Path
from typing import Any

import click

from optimerge.errors import RunError


@click.command("schema")
@click.argument("kind", type=click.Choice(["space", "recipe"]), default="space")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. Default: the screen.",
)
def command(kind: str, output: Path | None) -> None:
    """Print the JSON Schema by which editors complete search spaces.

    Or recipes. It knows every method with its parameters, sampler and objective, those of
    plug-ins too. A space whose first line names the file is completed and checked by editors with
    YAML support:
    # yaml-language-server: $schema=schema.json

    \b
    Examples:
      optimerge schema -o schema.json
      optimerge schema recipe -o recipe.schema.json
    """
    text = json_text(built_schema(kind))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{output}: cannot be written ({error.strerror}); name another") from None


def built_schema(kind: str) -> dict[str, Any]:
    """Return the schema of "space" or "recipe", of all methods and samplers there are."""
    from optimerge.methods.registry import all_methods
    from optimerge.recipe.json_schema import recipe_schema
    from optimerge.search.samplers.registry import all_samplers
    from optimerge.space.json_schema import space_schema

    if kind == "recipe":
        return recipe_schema(all_methods())
    samplers = {name: each.options_schema for name, each in all_samplers().items()}
    return space_schema(all_methods(), samplers)


def json_text(schema: dict[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
