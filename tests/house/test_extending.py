"""What docs/extending.md shows is whole: each file in it keeps the laws of its kind."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from optimerge.methods.protocol import MergeMethod
from optimerge.search.samplers.named import NamedSampler
from optimerge.space.objective_kinds.named import NamedObjective
from optimerge.testing.methods import MergeMethodLaws
from optimerge.testing.named_objectives import NamedObjectiveLaws
from optimerge.testing.sampler_laws import SamplerLaws

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text()
FILES = re.findall(r'```python\n(""".*?)```', TEXT, re.DOTALL)
NAMES = ("shown_method", "shown_sampler", "shown_objective")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    folder = tmp_path_factory.mktemp("shown")
    for name, text in zip(NAMES, FILES, strict=True):
        (folder / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        del sys.modules[name]


def test_each_is_one_file_of_thirty_lines() -> None:
    assert len(FILES) == 3
    assert all(len(text.splitlines()) <= 33 for text in FILES)


class TestMethod(MergeMethodLaws):
    @pytest.fixture
    def method(self, shown: dict[str, ModuleType]) -> MergeMethod:
        found: MergeMethod = shown["shown_method"].METHOD
        return found


class TestSampler(SamplerLaws):
    @pytest.fixture
    def sampler(self, shown: dict[str, ModuleType]) -> NamedSampler:
        found: NamedSampler = shown["shown_sampler"].SAMPLER
        return found


class TestObjective(NamedObjectiveLaws):
    @pytest.fixture
    def named(self, shown: dict[str, ModuleType]) -> NamedObjective:
        found: NamedObjective = shown["shown_objective"].OBJECTIVE
        return found

    @pytest.fixture
    def options(self, folder: Path) -> dict[str, Any]:
        (folder / "prompts.txt").write_text("w1 w2 w3\nw4 w5\nw6\n")
        return {"prompts": "prompts.txt"}


def test_the_groups_and_laws_it_names_are_there() -> None:
    from optimerge.methods import registry as methods
    from optimerge.search.samplers import registry as samplers
    from optimerge.space.objective_kinds import named as objectives

    for plugins in (methods.PLUGINS, samplers.PLUGINS, objectives.PLUGINS):
        assert f"`{plugins.group}`" in TEXT
    for law in (MergeMethodLaws, SamplerLaws, NamedObjectiveLaws):
        module = law.__module__.removeprefix("optimerge.testing.")
        assert f"`{module}.{law.__name__}`" in TEXT


def test_the_example_s_entry_points_are_those_it_shows() -> None:
    project = (ROOT / "examples" / "plugin" / "pyproject.toml").read_text()
    for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL):
        assert block in project
