"""`plugin: NAME`: an objective of an installed package, with the options that it declares."""

from typing import Any, Self

from pydantic import ConfigDict, model_validator

from optimerge.errors import OptimergeError
from optimerge.space.objective_kinds.named import NamedObjective, objective_named
from optimerge.space.objective_kinds.settings import ObjectiveSettings


class PluginObjective(ObjectiveSettings):
    """What an installed package measures; direction and unit are the package's."""

    model_config = ConfigDict(frozen=True, extra="allow")

    plugin: str
    """The objective's name, as the package announces it; its options stand beside it."""

    @property
    def label(self) -> str:
        """Its name where none is given."""
        return self.plugin

    @property
    def named(self) -> NamedObjective:
        """The package's declaration; PluginError if it cannot be used."""
        return objective_named(self.plugin)

    @property
    def options(self) -> dict[str, Any]:
        """The options given, as the objective takes them."""
        return self.named.having(self.model_extra or {}, self.plugin)

    @model_validator(mode="after")
    def _options_are_declared(self) -> Self:
        try:
            assert self.options is not None
        except OptimergeError as error:
            raise ValueError(str(error)) from error
        return self
