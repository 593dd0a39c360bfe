"""An objective of an installed package: `{plugin: NAME, OPTION: VALUE}`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from optimerge.errors import OptimergeError, TaskError
from optimerge.objectives.called import CalledScorer
from optimerge.objectives.context import Context
from optimerge.objectives.function import source_of
from optimerge.objectives.prompts_file import digest_parts
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.named import NamedObjective, Result, package_of_objective
from optimerge.space.objective_kinds.plugin import PluginObjective


def plugin_scorer(name: str, spec: PluginObjective, context: Context) -> "PluginScorer":
    """Return the scorer of what a space asks for; TaskError if it cannot be made."""
    return PluginScorer(name, spec.named, spec.options, context)


class PluginScorer(CalledScorer):
    """Calls what the package's factory made: see `CalledScorer` and `NamedObjective.make`."""

    def __init__(
        self, name: str, named: NamedObjective, options: Mapping[str, Any], context: Context
    ) -> None:
        super().__init__(name, named.name, named.direction)
        self._named, self._package = named, package_of_objective(named.name)
        own = replace(context, texts=[])
        self._score = self._made(options, own)
        parts = [json.dumps(options, sort_keys=True, default=str), source_of(named.make)]
        self.digest = digest_parts(f"plugin {named.name}", iter([*parts, *own.texts]))

    def _made(self, options: Mapping[str, Any], context: Context) -> Callable[[Candidate], Result]:
        try:
            return self._named.make(context, **options)
        except OptimergeError:
            raise
        except Exception as error:
            raise TaskError(
                f"objective {self.name!r}: {self.called} of {self._package} cannot be made "
                f"({type(error).__name__}: {str(error).partition(chr(10))[0]}); look at its "
                "options, or mend the package"
            ) from error

    @property
    def facts(self) -> str:
        """What `optimerge check` says of it."""
        unit = f", in {self._named.unit}" if self._named.unit else ""
        return f"{self._named.summary}{unit} (of {self._package})"

    def call(self, candidate: Candidate) -> Any:
        """Return what the package says."""
        return self._score(candidate)
