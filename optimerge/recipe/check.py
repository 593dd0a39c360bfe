"""Checks a recipe against its method's declaration, before any file of a model is opened."""

from collections.abc import Iterator

from optimerge.errors import MethodError, RecipeError, did_you_mean
from optimerge.methods.protocol import MergeMethod
from optimerge.methods.registry import method_named
from optimerge.recipe.chat_templates import check_chat_template
from optimerge.recipe.schema import Parameters, Recipe, Slice
from optimerge.recipe.statistics import check_statistics
from optimerge.recipe.values import Value, coerce


def method_of(recipe: Recipe, file: str) -> MergeMethod:
    """Return the recipe's method; RecipeError with a 'did you mean' if there is none."""
    try:
        return method_named(recipe.merge_method)
    except MethodError as error:
        made = recipe.block.method_package
        missing = f"; it was scored with that of {made}: install that package" if made else ""
        raise RecipeError(f"{file}: merge_method: {error}{missing}") from None


def check_recipe(recipe: Recipe, file: str) -> None:
    """Refuse what cannot be merged: parameters, numbers, base model, number of inputs."""
    method = method_of(recipe, file)
    if method.base == "required" and not recipe.base_model and not _every_slice_has_base(recipe):
        raise RecipeError(f"{file}: {method.name} needs a base_model; add `base_model: MODEL`")
    for where, parameters in parameter_blocks(recipe):
        for name, value in parameters.items():
            check_parameter(method, name, value, f"{file}: {where}")
    for where, inputs, base in _groups(recipe, method):
        _check_inputs(method, inputs, base, f"{file}: {where}")
    check_statistics(recipe, method, _inputs(recipe, method), file)
    _check_tokens(recipe, file)
    if recipe.chat_template is not None:
        check_chat_template(recipe.chat_template, file)


def _inputs(recipe: Recipe, method: MergeMethod) -> Iterator[str]:
    """Yield the models that are merged: with a base that is no input, those beside it."""
    for _, models, base in _groups(recipe, method):
        if base and method.base == "ignored":
            yield base
        yield from (m for m in models if m != base or method.base == "ignored")


def _check_tokens(recipe: Recipe, file: str) -> None:
    wanted = recipe.output_tokenizer
    known = recipe.references()
    for token, rule in (wanted.tokens or {}).items() if wanted else ():
        model = rule.source.model if rule.source else None
        if model is not None and model not in known:
            hint = did_you_mean(model, known) or f"; they are {', '.join(known)}"
            raise RecipeError(
                f"{file}: tokenizer.tokens[{token!r}]: {model!r} is none of the recipe's "
                f"models{hint}"
            )


def check_parameter(method: MergeMethod, name: str, value: Value | None, where: str) -> None:
    """Refuse a parameter that the method does not have, or numbers out of its legal range."""
    parameter = method.parameter(name)
    if parameter is None:
        known = [p.name for p in method.parameters]
        hint = did_you_mean(name, known) or (
            f"; it has {', '.join(known)}" if known else "; it has none"
        )
        raise RecipeError(f"{where}: {method.name} has no parameter {name!r}{hint}")
    for case in value.cases if value else ():
        knots = case.value if isinstance(case.value, list) else [case.value]
        for knot in knots:
            if knot is not None:
                coerce(knot, parameter, where)


def parameter_blocks(recipe: Recipe) -> Iterator[tuple[str, Parameters]]:
    """Yield (key path, parameters) for every `parameters:` block."""
    for prefix, body in recipe.bodies():
        yield f"{prefix}parameters", body.parameters
        for i, model in enumerate(body.models or []):
            yield f"{prefix}models[{i}].parameters", model.parameters
        for i, part in enumerate(body.slices or []):
            yield f"{prefix}slices[{i}].parameters", part.parameters
            for j, source in enumerate(part.sources):
                yield f"{prefix}slices[{i}].sources[{j}].parameters", source.parameters


def _every_slice_has_base(recipe: Recipe) -> bool:
    parts: list[Slice] = [part for _, body in recipe.bodies() for part in body.slices or []]
    return bool(parts) and all(part.base_model for part in parts)


def _groups(recipe: Recipe, method: MergeMethod) -> Iterator[tuple[str, list[str], str | None]]:
    """Yield (key path, models, base that takes part) for all that is merged together.

    A method that treats the base as one more input takes one into a slice only if it is listed.
    """
    for prefix, body in recipe.bodies():
        if body.models:
            yield f"{prefix}models", [model.model for model in body.models], recipe.base_model
        for i, part in enumerate(body.slices or []):
            base = part.base_model or recipe.base_model
            models = [source.model for source in part.sources]
            yield f"{prefix}slices[{i}]", models, None if method.base == "ignored" else base


def _check_inputs(method: MergeMethod, models: list[str], base: str | None, where: str) -> None:
    if twice := [m for m in models if models.count(m) > 1]:
        raise RecipeError(f"{where}: the model {twice[0]!r} is given twice; give it once")
    count = sum(model != base for model in models)
    if method.base == "ignored":
        count = len(set(models) | ({base} if base else set()))
    most = method.most_inputs
    if count < method.least_inputs or (most is not None and count > most):
        wanted = (
            f"exactly {most}" if most == method.least_inputs else f"at least {method.least_inputs}"
        )
        beside = "" if method.base == "ignored" else " beside the base model"
        raise RecipeError(
            f"{where}: {method.name} merges {wanted} model{'' if most == 1 else 's'}{beside}; "
            f"{count} given"
        )
