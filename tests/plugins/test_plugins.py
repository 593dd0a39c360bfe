"""Plug-ins: found by name, loaded when asked for, refused in one sentence that names the package."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimerge.cli.main import run
from optimerge.errors import MethodError, OptimergeError, PluginError, RecipeError
from optimerge.export.package_notes import package_notes
from optimerge.methods.registry import (
    PLUGINS,
    all_methods,
    maker_of_method,
    method_named,
    own_methods,
    package_of_method,
)
from optimerge.plugins import _digest
from optimerge.recipe.read import parse_recipe
from optimerge.search.samplers.registry import SAMPLERS, all_samplers, sampler_named
from optimerge.space.objective_kinds.named import objective_named
from optimerge.testing.cases import make_case

METHOD = """
from optimerge.methods.protocol import MergeMethod

def kernel(group):
    return group.base.clone()

METHOD = MergeMethod("stay", "the base", "https://example.org", "required", (), kernel)
TIES = MergeMethod("ties", "not ties", "https://example.org", "required", (), kernel)
"""
SAMPLER = """
from optimerge.search.samplers.named import NamedSampler
from optimerge.search.samplers.random_draws import make

SAMPLER = NamedSampler("dice", "random again", "", make)
TPE = NamedSampler("tpe", "not tpe", "", make)
"""
MARKED = "from pathlib import Path\nPath({!r}).touch()\n"


def test_a_method_of_a_package_is_found_by_name_and_is_none_of_mergekit_s(install: Any) -> None:
    install("calm", METHOD, {"methods": {"stay": "METHOD"}})
    assert method_named("stay").summary == "the base"
    assert method_named("stay").mergekit is False  # though the package left it out
    assert str(package_of_method("stay")) == "calm 1.2"
    assert package_of_method("ties") is None
    assert list(all_methods()) == sorted([*own_methods(), "stay"])


def test_a_recipe_with_a_method_of_a_package_is_read(install: Any) -> None:
    text = "merge_method: stay\nbase_model: a\nmodels: [{model: b}]\n"
    with pytest.raises(RecipeError, match="merge_method: unknown merge method 'stay'"):
        parse_recipe(text)
    install("calm", METHOD, {"methods": {"stay": "METHOD"}})
    assert parse_recipe(text).merge_method == "stay"
    with pytest.raises(RecipeError, match="stay has no parameter 'weight'; it has none"):
        parse_recipe(text.replace("{model: b}", "{model: b, parameters: {weight: 1}}"))


def test_a_sampler_of_a_package_is_found_by_name(install: Any) -> None:
    install("casino", SAMPLER, {"samplers": {"dice": "SAMPLER"}})
    assert sampler_named("dice").summary == "random again"
    assert list(all_samplers()) == sorted([*SAMPLERS, "dice"])


def test_nothing_of_a_package_is_imported_before_it_is_asked_for(
    install: Any, tmp_path: Path
) -> None:
    mark = tmp_path / "imported"
    points = {"methods": {"stay": "METHOD"}, "samplers": {"dice": "X"}, "objectives": {"mood": "X"}}
    install("calm", MARKED.format(str(mark)) + METHOD, points)
    assert parse_recipe("merge_method: linear\nmodels: [{model: b, parameters: {weight: 1}}]\n")
    assert sampler_named("tpe")
    with pytest.raises(MethodError, match="did you mean 'stay'"):
        method_named("stayy")  # the name is known without the package
    assert run(["methods", "ties"]) == run(["samplers", "tpe"]) == run(["objectives", "task"]) == 0
    assert not mark.exists()
    assert method_named("stay")
    assert mark.exists()


@pytest.mark.parametrize(
    "code",
    [
        "from optimerge.cli.main import run; run(['--help'])",
        "from optimerge.cli.main import run; run(['search', '--help'])",
        "from optimerge.recipe.read import parse_recipe; "
        "parse_recipe('merge_method: linear\\nmodels: [{model: b, parameters: {weight: 1}}]')",
    ],
)
def test_installed_packages_are_not_even_looked_at_for_what_optimerge_has(code: str) -> None:
    hook = (
        "import sys, importlib.metadata as m\n"
        "real = m.entry_points\n"
        "def spy(**k):\n"
        "    if 'optimerge' in str(k): raise SystemExit('looked at')\n"
        "    return real(**k)\n"
        "m.entry_points = spy\n"
    )
    done = subprocess.run([sys.executable, "-c", hook + code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_probe_above_sees_a_look(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def never(**_: Any) -> Any:
        raise AssertionError("looked at")

    monkeypatch.setattr(importlib.metadata, "entry_points", never)
    with pytest.raises(AssertionError, match="looked at"):
        method_named("no such method")


@pytest.mark.parametrize(
    ("module", "points", "ask", "says"),
    [
        ("import nowhere_at_all", {"methods": {"stay": "METHOD"}}, method_named,
         "calm 1.2: its entry point 'stay' = 'calm_module:METHOD' in optimerge.methods cannot be loaded "
         "(ModuleNotFoundError: No module named 'nowhere_at_all'); mend it, or uninstall calm"),
        ("raise RuntimeError('first\\nsecond')", {"methods": {"stay": "METHOD"}}, method_named,
         "cannot be loaded (RuntimeError: first); mend it"),
        (METHOD, {"methods": {"stay": "NO"}}, method_named, "cannot be loaded (AttributeError: "),
        (METHOD, {"methods": {"stay": "kernel"}}, method_named,
         "is no MergeMethod but of type function; mend it"),
        (METHOD, {"methods": {"move": "METHOD"}}, method_named,
         "names the merge method 'stay'; both names must be one"),
        (METHOD, {"samplers": {"stay": "METHOD"}}, sampler_named, "is no NamedSampler but of type MergeMethod"),
        (METHOD, {"objectives": {"stay": "METHOD"}}, objective_named, "is no NamedObjective but of type"),
    ],
)  # fmt: skip
def test_a_broken_plug_in_is_one_sentence(
    install: Any, module: str, points: Any, ask: Any, says: str
) -> None:
    install("calm", module, points)
    [names] = points.values()
    with pytest.raises(PluginError) as caught:
        ask(next(iter(names)))
    assert says in str(caught.value)
    assert str(caught.value).startswith("calm 1.2: its entry point ")
    assert "\n" not in str(caught.value)


def test_two_packages_with_one_name_are_refused_naming_both(install: Any) -> None:
    install("calm", METHOD, {"methods": {"stay": "METHOD"}})
    install("other", METHOD, {"methods": {"stay": "METHOD"}}, version="3")
    with pytest.raises(PluginError) as caught:
        method_named("stay")
    assert str(caught.value) == (
        "there are two of the merge method 'stay': calm 1.2 has one, and so has other 3 (entry "
        "point 'stay' = 'other_module:METHOD'); uninstall other 3, or have its entry point renamed"
    )


def test_a_name_of_optimerge_s_own_is_refused_naming_both(
    install: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    install("calm", METHOD + SAMPLER, {"methods": {"ties": "TIES"}, "samplers": {"tpe": "TPE"}})
    with pytest.raises(PluginError, match=r"'ties': optimerge has one, and so has calm 1\.2"):
        PLUGINS.refuse_clash("ties", own_methods())
    assert method_named("ties") is own_methods()["ties"]
    assert all_samplers()["tpe"] is SAMPLERS["tpe"]
    assert run(["methods"]) == run(["samplers"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == ["Warning", "Warning"]
    assert "the merge method 'ties': optimerge has one, and so has calm 1.2" in said[0]
    assert "the sampler 'tpe': optimerge has one, and so has calm 1.2" in said[1]


def test_lists_name_the_package_and_go_on_past_a_broken_one(
    install: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    install("calm", METHOD, {"methods": {"stay": "METHOD", "gone": "GONE"}})
    assert run(["methods"]) == 0
    printed = capsys.readouterr()
    assert "the base  (package calm 1.2)\n" in printed.out
    assert "\nties " in printed.out
    assert printed.err.startswith("Warning: calm 1.2: its entry point 'gone' =")
    assert run(["methods", "stay"]) == 0
    assert "\n  package: calm 1.2\n" in capsys.readouterr().out
    assert run(["methods", "gone"]) == 2
    assert capsys.readouterr().err.startswith("Error: calm 1.2: its entry point 'gone'")


def test_what_a_kernel_raises_by_mistake_names_the_package(install: Any) -> None:
    module = METHOD.replace("return group.base.clone()", "return {}['key']")
    install("calm", module, {"methods": {"stay": "METHOD"}})
    with pytest.raises(MethodError) as caught:
        method_named("stay").kernel(make_case(own_methods()["ties"], based=True).group())
    assert str(caught.value) == (
        "stay of calm 1.2 raised KeyError in its kernel ('key'); mend the package"
    )


def test_a_kernel_that_changes_the_shape_is_told_so(install: Any) -> None:
    shorter = METHOD.replace("def kernel(group):", "def kernel(group):\n    return group.base[:1]")
    assert shorter != METHOD
    install("calm", shorter, {"methods": {"stay": "METHOD"}})
    with pytest.raises(
        MethodError, match=r"stay of calm 1\.2 made a tensor of shape \(1, .*mend the"
    ):
        method_named("stay").kernel(make_case(own_methods()["ties"], based=True).group())


def test_the_digest_is_of_all_python_of_a_package(tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "digested_package"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__", "entry", "inner/__init__", "inner/maths"):
        (folder / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("digested_package.inner.maths")
    before = _digest("digested_package.inner.maths")
    assert before == _digest("digested_package")
    (folder / "entry.py").write_text("x = 1\n")
    assert _digest("digested_package.inner.maths") != before


def test_a_plug_in_s_fault_is_bad_input() -> None:
    assert issubclass(PluginError, OptimergeError)


def test_a_scored_recipe_says_whose_method_is_missing() -> None:
    text = (
        "merge_method: stay\nbase_model: a\nmodels: [{model: b}]\n"
        "optimerge: {method_package: 'calm 1.2 (source 00)'}\n"
    )
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert str(caught.value).endswith(
        "; it was scored with that of calm 1.2 (source 00): install that package"
    )


def test_a_recipe_built_with_another_version_s_method_is_remarked_on(install: Any) -> None:
    install("calm", METHOD, {"methods": {"stay": "METHOD"}})
    text = "merge_method: stay\nbase_model: a\nmodels: [{model: b}]\n"
    made = maker_of_method("stay")
    assert made is not None
    assert made.startswith("calm 1.2 (source ")
    assert maker_of_method("ties") is None
    for block, notes in (("", 0), (f"optimerge: {{method_package: '{made}'}}", 0)):
        assert len(package_notes(parse_recipe(text + block))) == notes
    [note] = package_notes(parse_recipe(text + "optimerge: {method_package: 'calm 1.1'}"))
    assert note.startswith("the recipe was scored with stay of calm 1.1, and is built with that of")
