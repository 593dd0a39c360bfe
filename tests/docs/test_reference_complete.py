"""Every method, sampler, objective, command, option, key and error stands in the reference."""

import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

import optimerge
from docs.generate.pages import FOLDER
from optimerge.cli.main import cli
from optimerge.methods.protocol import MergeMethod, Parameter
from optimerge.methods.registry import all_methods
from optimerge.recipe.values import Filtered, Value
from optimerge.search.samplers.named import NamedSampler
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.space.objectives import KINDS
from optimerge.space.ranges import Dimension

NOT_IN_FILES = (Value, Filtered, Dimension)
"""Models that are no block of a file: forms of a value, and what ranges become."""


def page(name: str) -> str:
    return (FOLDER / name).read_text()


def sections(text: str) -> Mapping[str, str]:
    """Return what stands below each heading of the second level."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> Mapping[str, str]:
    """Return the rows of tables by what stands in their first cell."""
    return {found[1]: found[0] for found in re.finditer(r"^\| `([^`]+)` \|.*$", text, re.MULTILINE)}


def lacking_methods(methods: Iterable[MergeMethod]) -> list[str]:
    found = sections(page("methods.md"))
    return [
        what
        for method in methods
        for what, there in (
            (method.name, method.name in found),
            *(
                (f"{method.name}: {line}", line in found.get(method.name, ""))
                for line in method.formula
            ),
            (f"{method.name}: {method.paper}", f"<{method.paper}>" in found.get(method.name, "")),
            (f"{method.name}: use", "**When to use it:**" in found.get(method.name, "")),
            *(
                (f"{method.name}.{p.name}", p.name in rows(found.get(method.name, "")))
                for p in method.parameters
            ),
        )
        if not there
    ]


def own_methods() -> list[MergeMethod]:
    own = "optimerge.methods."
    return [m for m in all_methods().values() if m.kernel.__module__.startswith(own)]


def test_every_method_is_documented_with_formula_paper_use_and_parameters() -> None:
    assert len(own_methods()) >= 31
    assert not lacking_methods(own_methods())


def test_a_method_or_parameter_that_is_not_documented_is_found() -> None:
    ties = all_methods()["ties"]
    assert lacking_methods([replace(ties, name="planted")])
    wider = replace(ties, parameters=(*ties.parameters, Parameter("planted", "nothing")))
    assert lacking_methods([wider]) == ["ties.planted"]
    assert lacking_methods([replace(ties, formula=(r"y = \pi",))]) == [r"ties: y = \pi"]


def lacking_samplers(samplers: Iterable[NamedSampler]) -> list[str]:
    found = sections(page("samplers.md"))
    return [
        f"{sampler.name}.{what}"
        for sampler in samplers
        for what in ("use", *(option.name for option in sampler.options))
        if what not in {"use": sampler.use and "use", **rows(found.get(sampler.name, ""))}
        or sampler.name not in found
        or not sampler.use
    ]


def test_every_sampler_is_documented_with_use_and_options() -> None:
    assert len(SAMPLERS) >= 10
    assert not lacking_samplers(SAMPLERS.values())


def test_a_sampler_that_is_not_documented_is_found() -> None:
    assert lacking_samplers([replace(SAMPLERS["tpe"], name="planted")])
    assert lacking_samplers([replace(SAMPLERS["tpe"], use="")])
    other = replace(SAMPLERS["tpe"], make=SAMPLERS["nsga3"].make)
    assert lacking_samplers([other]) == ["tpe.population_size", "tpe.divisions"]


def test_every_kind_of_objective_is_documented_with_direction_unit_and_keys() -> None:
    found = sections(page("objectives.md"))
    for name, kind in KINDS.items():
        shared = rows(found["Keys of every kind"])
        assert set(kind.model_fields) <= {*rows(found[name]), *shared}, name
        assert re.search(r"^- Better: .+\.\n- Unit: .+\.$", found[name], re.MULTILINE), name


def options(command: click.Command) -> list[str]:
    return [opt for p in command.params if isinstance(p, click.Option) for opt in p.opts]


def lacking_options(name: str, command: click.Command) -> list[str]:
    text = sections(page("commands.md")).get(name, "")
    said = {spelling.split()[0] for spelling in re.findall(r"`(-[^`]*)`", text)}
    hidden = {o for p in command.params if getattr(p, "hidden", False) for o in p.opts}
    return [option for option in options(command) if option not in said | hidden]


def test_every_command_is_documented_with_its_options_and_an_example() -> None:
    context = click.Context(cli)
    names = [n for n in cli.list_commands(context) if not cli.get_command(context, n).hidden]
    found = sections(page("commands.md"))
    assert set(names) == found.keys()
    for name in names:
        assert not lacking_options(name, cli.get_command(context, name)), name
        assert f"optimerge {name}" in found[name].partition("Example")[2], name


def test_an_option_that_is_not_documented_is_found() -> None:
    command = click.Command("stop", params=[click.Option(["--planted"])])
    assert lacking_options("stop", command) == ["--planted"]
    assert lacking_options("planted", command) == ["--planted"]


def blocks() -> list[type[BaseModel]]:
    """Return every model that a recipe or a search space is read with."""
    modules = [
        importlib.import_module(found.name)
        for room in ("recipe", "space")
        for found in pkgutil.walk_packages(
            importlib.import_module(f"optimerge.{room}").__path__, f"optimerge.{room}."
        )
    ]
    models = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.model_fields
    }
    return sorted(models - {*NOT_IN_FILES}, key=lambda model: model.__name__)


def lacking_keys(model: type[BaseModel]) -> list[str]:
    told = {}
    for name in ("format.md", "objectives.md"):
        told |= rows(page(name))
    return [key for key in model.model_fields if len(told.get(key, "| | |").split("|")[2]) < 5]


@pytest.mark.parametrize("model", blocks(), ids=lambda model: model.__name__)
def test_every_key_of_a_block_is_documented(model: type[BaseModel]) -> None:
    assert not lacking_keys(model)


def test_a_key_that_is_not_documented_is_found() -> None:
    class Planted(BaseModel):
        planted: int = 0

    assert lacking_keys(Planted) == ["planted"]


def error_names() -> set[str]:
    """Return the classes of the error tree, as the source declares them."""
    text = "\n".join(file.read_text() for file in Path(optimerge.__path__[0]).rglob("*.py"))
    above = dict(re.findall(r"^class (\w+)\((\w+)\):", text, re.MULTILINE))
    known = {"OptimergeError"}
    while new := {name for name, base in above.items() if base in known} - known:
        known |= new
    return known


def test_every_class_of_the_error_tree_is_documented() -> None:
    assert len(error_names()) >= 15
    assert error_names() == rows(sections(page("errors.md"))["The error tree"]).keys()


def test_every_public_name_is_documented() -> None:
    found = sections(page("api.md"))
    for name in optimerge.__all__:
        assert f":: optimerge.{name}\n" in found[name], name
