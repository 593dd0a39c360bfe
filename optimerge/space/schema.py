"""The blocks of a search-space file that stand beside the recipe."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from optimerge.space.clock import checked_clock
from optimerge.space.generation import Generation
from optimerge.space.layer_map import LayerMap
from optimerge.space.objectives import AnyObjective, TaskSettings


class Racing(BaseModel):
    """Stops scoring a candidate once it is sure that a member of the front dominates it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Of each stop: at most 1 - confidence of the candidates that belong on the front are lost."""


class WarmStart(BaseModel):
    """What a search tries after the parents and before its sampler is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    design: bool = True
    """Averages, scales, known-good numbers of the methods, a spread of points."""
    recipes: tuple[str, ...] = ()
    """Recipe files that are points of the space, relative to its file; tried first. More may be
    added when a run is resumed."""


class SamplerChoice(BaseModel):
    """A sampler with options: `{name: nsga2, population_size: 30}`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    """As `sampler: NAME` has it; its options stand beside it."""

    @property
    def options(self) -> dict[str, Any]:
        """What is given beside the name; whether the sampler takes it is checked with it."""
        return dict(self.model_extra or {})


def _device(place: Any) -> Any:
    """Return a device's name: CUDA devices may be given by their number alone."""
    if isinstance(place, int) and not isinstance(place, bool):
        return f"cuda:{place}"
    return "cuda:0" if place == "cuda" else place


class SearchSettings(BaseModel):
    """How long and how to search; the command line overrides each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampler: str | SamplerChoice = "auto"
    """A name (`optimerge samplers`), `module:Class`, or one of these with options."""
    trials: Annotated[int, Field(ge=1)] | None = None
    """Finished trials of the run, parents and failed ones included; default 200 if no time is
    given."""
    hours: Annotated[float, Field(gt=0)] | None = None
    """Hours of one invocation."""
    until: str | None = None
    """The next such local time of day, "07:00", at which an invocation ends."""
    trial_timeout: Annotated[float, Field(gt=0)] | None = None
    """Minutes that one trial may take; one that takes longer fails."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of proposals, item sets and random masks."""
    exact: bool = False
    """Merge as mergekit does, its random stream and tie-breaking included; slower."""
    memory: Literal["auto", "device", "host", "disk"] = "auto"
    """Where base and experts are kept: beside the model, in main memory, or on disk."""
    device_map: Literal["auto", "balanced", "sequential"] | dict[str, str] | None = None
    """Shares a model that is too large for one device out to several: see `--device-map`. Or the
    device of each module, by its name in transformers: a number, or cuda:1."""
    task_vectors: Literal["full", "int8"] = "full"
    """int8: keep experts as int8 steps from the base, for want of memory."""
    batch_size: Annotated[int, Field(ge=1)] = 64
    """Rows in a forward pass when generating."""
    generation: Generation = Generation()
    """How answers of generation tasks are written."""
    racing: Racing | Literal[False] = Racing()
    """false: every candidate is scored on all documents."""
    warm_start: WarmStart | Literal[False] = WarmStart()
    """false: the sampler is asked as soon as the parents are scored."""
    strict: bool = False
    """Refuse a task that has fewer documents than asked for; else all is cut in proportion."""

    on_finish: str | None = None
    """Shell command to run when the search ends or fails; needs --allow-code."""
    webhook: str | None = None
    """http(s) URL that is told when the search ends or fails; not kept with the run."""

    @field_validator("until", mode="before")
    @classmethod
    def _until_is_a_time_of_day(cls, given: Any) -> Any:
        return None if given is None else checked_clock(given)

    @field_validator("device_map", mode="before")
    @classmethod
    def _devices_have_names(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        if not given:
            raise ValueError("an empty map has no device; give auto")
        return {name: _device(place) for name, place in given.items()}

    @field_validator("sampler", mode="before")
    @classmethod
    def _sampler_has_a_name(cls, given: Any) -> Any:
        name = given.get("name") if isinstance(given, dict) else getattr(given, "name", given)
        if not isinstance(name, str):
            raise ValueError("give the name of a sampler, or {name: NAME, OPTION: VALUE, ...}")
        return given


class Blocks(BaseModel):
    """What a search-space file holds beside the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objectives: Annotated[tuple[AnyObjective, ...], Field(min_length=1)]
    """What candidates are scored on; each is an axis of the front."""
    report: tuple[AnyObjective, ...] = ()
    """Measured by `optimerge test` alone, never searched on; may be added to a run at any time."""
    include_path: str | None = None
    """Folder with local lm-eval task files, relative to the search-space file."""
    tasks: TaskSettings = TaskSettings()
    """What holds for all task objectives that do not say otherwise."""
    search: SearchSettings = SearchSettings()
    """How to search, and how long."""
    layer_map: LayerMap | None = None
    """Stands for `slices`: see `optimerge.space.layer_map`."""


BLOCKS = tuple(Blocks.model_fields)
