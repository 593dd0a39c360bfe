"""The page's pictures, inside the page: as data of an image, which runs no script."""

import base64

from optimerge.figures.bars import share_figure
from optimerge.figures.front import front_figure
from optimerge.figures.history import history_figure
from optimerge.figures.layers import layer_figure
from optimerge.front.parts import Parts
from optimerge.recipe.by_layer import by_layer
from optimerge.recipe.read import parse_recipe
from optimerge.report.contents import Contents
from optimerge.space.labels import short_names

MOST_BARS = 12


def pictures(contents: Contents) -> dict[str, str]:
    """Return the pictures that the run has something for, by name, as URLs of data."""
    found: dict[str, bytes] = {}
    if contents.front.trials:
        chosen = contents.choice.trial if contents.choice else None
        found["front"] = front_figure(contents.front, chosen)
        found["history"] = history_figure(contents.history)
    if contents.importances:
        found["parameters"] = share_figure(
            {
                name: [(w.parameter, w.share) for w in each.weights[:MOST_BARS]]
                for name, each in contents.importances.items()
            }
        )
        found["parents"] = share_figure({n: p.by_model for n, p in contents.parts.items()})
        if layered := {n: _layers(p) for n, p in contents.parts.items() if p.by_layer}:
            found["layers"] = share_figure(layered)
    if contents.choice is not None:
        recipe = parse_recipe(contents.choice.trial.recipe, f"trial {contents.choice.trial.name}")
        rows = by_layer(recipe, contents.run.info.layers)
        if any(len(set(row.values)) > 1 for row in rows):
            found["recipe"] = layer_figure(rows, short_names(recipe.references()))
    return {name: _url(svg) for name, svg in found.items()}


def _layers(found: Parts) -> list[tuple[str, float]]:
    return [(f"layer {n}", share) for n, share in enumerate(found.by_layer)]


def _url(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
