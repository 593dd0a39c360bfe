"""The recipe file: mergekit's schema, with unknown keys refused.

mergekit 0.1.5 ignores keys that it does not know; a misspelt `densty` merges without a word
there and is an error here. The top-level block `optimerge:` is ours; mergekit ignores it.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from optimerge.recipe.block import OptimergeBlock
from optimerge.recipe.strict import Strict
from optimerge.recipe.values import Value

Dtype = Literal["bfloat16", "float16", "float32", "float64"]
Parameters = Annotated[
    dict[str, Value | None], BeforeValidator(lambda given: {} if given is None else given)
]
"""An empty block, `parameters:` and nothing more, has none."""


class InputModel(Strict):
    """A model that takes part whole."""

    model: str
    """A folder, or a model of the Hugging Face Hub (org/name@revision); with +ADAPTER behind it,
    a LoRA adapter on it."""
    parameters: Parameters = {}
    """Numbers of this model."""


class SliceSource(Strict):
    """A range of a model's layers; the end is exclusive."""

    model: str
    """A folder, or a model of the Hugging Face Hub."""
    layer_range: tuple[Annotated[int, Field(ge=0)], int]
    """First layer, and the layer after the last."""
    parameters: Parameters = {}
    """Numbers of this source."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.layer_range[0] >= self.layer_range[1]:
            raise ValueError(f"layer_range {list(self.layer_range)} holds no layer: [start, end)")
        return self

    @property
    def length(self) -> int:
        """Number of layers."""
        return self.layer_range[1] - self.layer_range[0]


class Slice(Strict):
    """Layers of the output, made from as many layers of each source."""

    sources: Annotated[list[SliceSource], Field(min_length=1)]
    """The models that the layers are made from."""
    base_model: str | None = None
    """The base in this slice; default: the recipe's."""
    parameters: Parameters = {}
    """Numbers of all sources that have no own."""

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        lengths = {source.length for source in self.sources}
        if len(lengths) > 1:
            raise ValueError(f"all sources of a slice need as many layers; got {sorted(lengths)}")
        return self


class Module(Strict):
    """One part of a model that has several; plain decoders have only "default"."""

    models: Annotated[list[InputModel], Field(min_length=1)] | None = None
    """Models that are merged whole."""
    slices: Annotated[list[Slice], Field(min_length=1)] | None = None
    """Layers that follow each other, in the place of whole models."""
    parameters: Parameters = {}
    """Numbers shared by all models, and those of models that have no own."""


class TokenSource(Strict):
    """Where the embedding of one token comes from; a model's name alone is kind "model"."""

    kind: Literal["model", "zero", "model_token"]
    """A model's own row for the token, a row of zeros, or another token's row."""
    model: str | None = None
    """The model that the row is taken from."""
    token: str | None = None
    """Text of the token whose row is taken."""
    token_id: Annotated[int, Field(ge=0)] | None = None
    """Number of the token whose row is taken."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"kind": "model", "model": data}
        if isinstance(data, dict) and data.get("kind") not in ("zero", "model_token"):
            given = "has no kind" if "kind" not in data else f"has the kind {data['kind']!r}"
            raise ValueError(
                f"the source of a token {given}; give the name of a model, "
                "{kind: zero}, or {kind: model_token, model: MODEL, token: TEXT}"
            )
        return data

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "model_token":
            if self.model is None or (self.token is None) == (self.token_id is None):
                raise ValueError("model_token needs a model, and either token or token_id")
        elif self.token is not None or self.token_id is not None:
            raise ValueError("token and token_id belong to {kind: model_token}")
        if self.kind == "zero" and self.model is not None:
            raise ValueError("{kind: zero} takes no model")
        return self

    def plain(self) -> Any:
        """Return it as a recipe writes it."""
        if self.kind == "model":
            return self.model
        return {k: v for k, v in self if v is not None}


class TokenRule(Strict):
    """The embedding of one token: for models that lack it or, with `force`, for all."""

    source: TokenSource | None = None
    """Where the row comes from."""
    force: bool = False
    """Also for models that have the token."""

    @model_validator(mode="after")
    def _forced_to_something(self) -> Self:
        if self.force and self.source is None:
            raise ValueError("force needs a source: a model, {kind: zero} or a model_token")
        return self


class Tokenizer(Strict):
    """Which tokenizer the output has."""

    source: Annotated[str, Field(min_length=1)] = "union"
    """"base", "union", or a model's name."""
    tokens: dict[Annotated[str, Field(min_length=1)], TokenRule] | None = None
    """Rules for single tokens, by their text."""
    pad_to_multiple_of: Annotated[int, Field(ge=1)] | None = None
    """Round the number of embedding rows up to a multiple of this."""


class Recipe(Module):
    """One merge: method, models, numbers, dtypes."""

    merge_method: str
    """How tensors are merged: see `optimerge methods`."""
    base_model: str | None = None
    """The model that the others were trained on from; config and tokenizer are its own."""
    modules: dict[str, Module] | None = None
    """Parts of a model that has several; "default" for plain decoders."""
    dtype: Dtype | None = None
    """What is computed in; default in a search: float32."""
    out_dtype: Dtype | None = None
    """What weights are written in; default: the models' own."""
    tokenizer: Tokenizer | None = None
    """The output's tokenizer, where vocabularies differ."""
    tokenizer_source: str | None = None
    """Short for `tokenizer: {source: ...}`: "base", "union", or a model."""
    chat_template: str | None = None
    """Template of the output: "auto", a known name such as chatml, or Jinja text."""
    optimerge: OptimergeBlock | None = None
    """How optimerge scored the recipe; mergekit ignores it."""

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        given = [k for k in ("models", "slices", "modules") if getattr(self, k) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of models, slices, modules; found {found}")
        if self.tokenizer and self.tokenizer_source:
            raise ValueError("give tokenizer or tokenizer_source, not both")
        return self

    @property
    def block(self) -> OptimergeBlock:
        """The `optimerge:` block, or its defaults."""
        return self.optimerge or OptimergeBlock()

    @property
    def output_tokenizer(self) -> Tokenizer | None:
        """The tokenizer asked for, by either key; None: the base model's files are copied."""
        if self.tokenizer_source:
            return Tokenizer(source=self.tokenizer_source)
        return self.tokenizer

    def bodies(self) -> list[tuple[str, Module]]:
        """Return (key path, part) of all that may hold models or slices: itself, its modules."""
        return [("", self), *((f"modules.{k}.", m) for k, m in (self.modules or {}).items())]

    def references(self) -> tuple[str, ...]:
        """Return every model named, once each, base first, then in the order of the file."""
        return tuple(dict.fromkeys(r for r in self._all_references() if r))

    def _all_references(self) -> Iterator[str | None]:
        yield self.base_model
        for _, body in self.bodies():
            yield from (model.model for model in body.models or [])
            for part in body.slices or []:
                yield part.base_model
                yield from (source.model for source in part.sources)
