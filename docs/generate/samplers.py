"""The page of the samplers."""

import inspect
import re

from docs.generate.markdown import code, heading, linked, page, prose, table
from optimerge.search.samplers.named import NamedSampler
from optimerge.search.samplers.registry import SAMPLERS

INTRODUCTION = """\
What proposes the next candidate: `search: {sampler: NAME}` in a search space, or `--sampler NAME`.
Options stand beside the name: `sampler: {name: nsga2, population_size: 30}`. `optimerge samplers
NAME` prints what stands here, from the sampler's own declaration
(`optimerge/search/samplers/`). What each of them finds, measured:
[how](../benchmarks/search.md), [all numbers](../benchmarks/search-results.md).

Any Optuna sampler can be named as `module:Class`, as in `sampler: optuna.samplers:TPESampler`, with
the arguments of its constructor as options; other modules than Optuna's need `--allow-code`."""


def samplers() -> str:
    """Return the page."""
    return page(
        "Samplers",
        INTRODUCTION,
        *(block for _, sampler in sorted(SAMPLERS.items()) for block in _section(sampler)),
    )


def _section(sampler: NamedSampler) -> list[str]:
    options = ((code(o.name), prose(o.help), o.kind, _default(o.default)) for o in sampler.options)
    return [
        heading(2, sampler.name),
        f"{sampler.summary[:1].upper()}{prose(sampler.summary[1:])}.",
        f"**When to use it:** {linked(prose(sampler.use))}",
        f"Source: {source(sampler.paper)}. {_limits(sampler)}",
        table(("option", "meaning", "type", "default"), options) or "It has no options.",
    ]


def source(paper: str) -> str:
    """Return a reference with links.

    >>> source("Ozaki et al. 2022, doi:10.1613/jair.1.13188")
    'Ozaki et al. 2022, [doi:10.1613/jair.1.13188](https://doi.org/10.1613/jair.1.13188)'
    """
    text = re.sub(r"arXiv:([\d.]+\d)", r"[arXiv:\1](https://arxiv.org/abs/\1)", paper)
    text = re.sub(r"doi:([^\s,)]+)", r"[doi:\1](https://doi.org/\1)", text)
    return re.sub(r"(?<![\w/(.])(jmlr\.org/[^\s,]+)", r"[\1](https://\1)", text)


def _limits(sampler: NamedSampler) -> str:
    most = sampler.most_objectives
    objectives = "Any number of objectives." if most is None else f"At most {most} objectives."
    ahead = " The next proposal is made while a trial is scored." if sampler.ahead else ""
    return f"{objectives}{ahead}"


def _default(value: object) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f"{value:g}" if isinstance(value, float) else str(value))
