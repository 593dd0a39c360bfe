"""How a word of a command line may go on: runs, search spaces, methods, samplers, names of a run.

Each is a click completer, called with the context, the parameter and the word so far. What is
named here is found without Optuna; where nothing of ours fits, the shell offers files or folders.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

from optimerge.cli.here import RUNS, SPACES, runs_in, spaces_in
from optimerge.recipe.files import EXPORTED, SOUP

Items: TypeAlias = "list[CompletionItem[str]]"  # in click 8.1 it takes no type


def runs(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a run folder."""
    folders = dict.fromkeys([Path(RUNS), *_folders_of(word)])
    given = context.params.get(parameter.name or "") or ()
    before = {str(path) for path in given} if isinstance(given, tuple) else set()
    found = [str(run) for folder in folders for run in runs_in(folder)]
    return _fitting((name for name in found if name not in before), word) or _dirs(word)


def spaces(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a search-space file."""
    folders = dict.fromkeys([Path(), Path(SPACES), *_folders_of(word)])
    return _fitting((str(f) for folder in folders for f in spaces_in(folder)), word) or _files(word)


def recipes(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a recipe that a run exported, or any file."""
    folders = dict.fromkeys([Path(RUNS), *_folders_of(word)])
    found = [
        str(run / name)
        for folder in folders
        for run in runs_in(folder)
        for name in (EXPORTED, SOUP)
        if (run / name).is_file()
    ]
    return _fitting(found, word) or _files(word)


def methods(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a merge method."""
    from optimerge.methods.registry import all_methods

    return _more({n: m.summary for n, m in all_methods().items()}, context, parameter, word)


def samplers(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a sampler."""
    from optimerge.search.samplers.registry import all_samplers

    return _more({n: s.summary for n, s in all_samplers().items()}, context, parameter, word)


def devices(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a device; which CUDA devices there are takes torch, so they are not named."""
    return _fitting(("auto", "cpu", "cuda"), word)


def picks(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a way to pick a trial of the run that stands before."""
    objectives, parents = _names(context)
    ways = {"knee": "the best bargain", "mean": "best mean over the objectives"}
    ways |= {f"best:{name}": f"best {name}" for name in objectives}
    ways |= {f"dominates:{name}": f"as good as {name} in everything" for name in parents}
    ways |= {"weights:": "best weighted mean: weights:a=2,b=1", "trial:": "by number"}
    return _fitting(ways, word, ways)


def limits(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete the name of a limit, up to its `=`."""
    return _fitting((f"{name}=" for name in _names(context)[0]), word)


def parents(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete a parent of the run that stands before; trials go by number."""
    return _fitting(_names(context)[1], word)


def objectives(context: click.Context, parameter: click.Parameter, word: str) -> Items:
    """Complete an objective of the run that stands before."""
    return _fitting(_names(context)[0], word)


def _more(
    known: dict[str, str], context: click.Context, parameter: click.Parameter, word: str
) -> Items:
    """Complete a name, with what it is, that does not stand on the command line yet."""
    given = context.params.get(parameter.name or "") or ()
    return _fitting((name for name in known if name not in given), word, known)


def _names(context: click.Context) -> tuple[list[str], list[str]]:
    """Return objectives and parents of the run on the command line; none if it cannot be read."""
    from optimerge.errors import RunError
    from optimerge.records.glance import glance
    from optimerge.records.origins import parent_name

    words = [str(context.params.get("run") or ""), *context.args]  # click's, and what it left
    run = next((word for word in words if word), None)
    if run is None:
        return [], []
    try:
        seen = glance(Path(run))
    except RunError:
        return [], []
    kept = seen.info.get("objectives")
    return list(kept) if isinstance(kept, dict) else [], [parent_name(o) for o in seen.parents]


def _folders_of(word: str) -> list[Path]:
    """Return the folder that a word leads into, if it leads into one."""
    return [Path(word).parent if not word.endswith("/") else Path(word)] if "/" in word else []


def _fitting(values: Iterable[str], word: str, about: dict[str, str] | None = None) -> Items:
    said = about or {}
    return [CompletionItem(v, help=said.get(v)) for v in values if v.startswith(word)]


def _dirs(word: str) -> Items:
    return [CompletionItem(word, type="dir")]


def _files(word: str) -> Items:
    return [CompletionItem(word, type="file")]
