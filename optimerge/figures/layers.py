"""What a recipe gives each layer of each model, as a heat map."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from optimerge.figures.style import Form, draw, short
from optimerge.recipe.by_layer import LayerRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def layer_figure(rows: Sequence[LayerRow], names: Mapping[str, str], form: Form = "svg") -> bytes:
    """Return a heat map for each parameter (weight, density, ...): models down, layers across.

    `names`: what models are called, by reference. White: the model takes no part there.
    """
    parameters = list(dict.fromkeys(row.parameter for row in rows))
    parts = {name: [r for r in rows if r.parameter == name] for name in parameters}

    def fill(figure: "Figure") -> None:
        heights = [len(each) + 1.0 for each in parts.values()]
        grid = figure.subplots(len(parts), 1, squeeze=False, height_ratios=heights).flat
        for axes, (parameter, each) in zip(grid, parts.items(), strict=True):
            values = np.array([[np.nan if v is None else v for v in r.values] for r in each])
            most = max(float(np.nanmax(np.abs(values))), 1e-12)
            signed = bool((values < 0).any())
            image = axes.imshow(
                values, aspect="auto", interpolation="nearest",
                cmap="RdBu_r" if signed else "viridis",
                vmin=-most if signed else 0.0, vmax=most,
            )  # fmt: skip
            axes.set_yticks(range(len(each)), [_named(row, names) for row in each])
            axes.set_title(parameter, fontsize=9, loc="left")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(visible=False)
            figure.colorbar(image, ax=axes, pad=0.01)
        axes.set_xlabel("layer")

    height = sum(0.26 * len(each) + 0.75 for each in parts.values())
    return draw(8.2, height, fill, form)


def _named(row: LayerRow, names: Mapping[str, str]) -> str:
    name = short(names.get(row.model, row.model))
    return f"{name} [{row.part}]" if row.part else name
