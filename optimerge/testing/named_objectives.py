"""The laws of objectives that packages announce. Subclass in a test module and give a fixture.

    from optimerge.testing.named_objectives import NamedObjectiveLaws

    class TestMine(NamedObjectiveLaws):
        @pytest.fixture
        def named(self) -> NamedObjective:
            return OBJECTIVE

Give `options` too if your objective needs some; files that they name go into the folder of the
fixture `folder`. What is scored is `optimerge.testing.tiny`: its tokenizer knows w0 to w39.
"""

import pickle
from pathlib import Path
from typing import Any

import pytest

from optimerge.errors import RecipeError
from optimerge.objectives.context import Context
from optimerge.objectives.plugin import PluginScorer
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.named import NamedObjective
from optimerge.testing import tiny
from optimerge.testing.objectives import ObjectiveLaws
from optimerge.testing.processes import heavy_imports


class NamedObjectiveLaws(ObjectiveLaws):
    """Those of every objective; and what is declared is whole, legal and quick to import."""

    @pytest.fixture
    def named(self) -> NamedObjective:
        """Return the declaration to judge."""
        raise NotImplementedError("give NamedObjectiveLaws a fixture `named`")

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return the folder that files are relative to, as a search space's is."""
        return tmp_path

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Return options to make it with; none by default."""
        return {}

    @pytest.fixture
    def objective(
        self,
        named: NamedObjective,
        options: dict[str, Any],
        folder: Path,
        candidate: Candidate,
    ) -> PluginScorer:
        """Return the objective as a search makes it."""
        context = Context(candidate.model.config, tiny.tokenizer(), folder)
        return PluginScorer(named.name, named, named.having(options, "laws"), context)

    def test_says_what_it_is(self, named: NamedObjective) -> None:
        """A reader finds what a value means, and what each option does."""
        assert named.name
        assert named.summary
        assert named.direction in ("maximize", "minimize")
        assert isinstance(named.unit, str)
        assert all(option.help for option in named.options)

    def test_an_option_that_is_not_declared_is_refused(self, named: NamedObjective) -> None:
        """A misspelt option is an error, never passed over."""
        with pytest.raises(RecipeError, match="has no option 'no_such_option'"):
            named.having({"no_such_option": 1}, "laws")

    def test_it_can_be_handed_to_another_process(self, named: NamedObjective) -> None:
        """A module's own: proposals are made in a process that gets the whole space."""
        assert pickle.loads(pickle.dumps(named)) == named  # noqa: S301  # of its own making

    def test_made_twice_it_has_one_digest(
        self,
        objective: PluginScorer,
        named: NamedObjective,
        options: dict[str, Any],
        folder: Path,
        candidate: Candidate,
    ) -> None:
        """Or no run could be resumed."""
        context = Context(candidate.model.config, tiny.tokenizer(), folder)
        again = PluginScorer(named.name, named, named.having(options, "laws"), context)
        assert again.digest == objective.digest

    def test_importing_it_imports_nothing_heavy(self, named: NamedObjective) -> None:
        """Listing objectives and reading a search space is quick."""
        assert heavy_imports(getattr(named.make, "func", named.make).__module__) == set()
