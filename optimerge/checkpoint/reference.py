"""Turns the name of a model in a recipe into a folder on this machine.

A name is mergekit's: a folder, or a model of the Hugging Face Hub, with `@revision` behind it
for another branch, tag or commit; and `+ADAPTER`, named likewise, for a LoRA adapter on it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from optimerge.checkpoint.hub import (
    Holds,
    cached_folder,
    hub_folder,
    is_whole_model,
    is_whole_with_code,
)
from optimerge.errors import CheckpointError, ModelNotFoundError, nearest

_HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)

_SNAPSHOT = re.compile(r"/snapshots/([0-9a-f]{40})$")
"""How a folder of the Hub's local cache ends."""
_COMMIT = re.compile(r"@([0-9a-f]{40})$")


@dataclass(frozen=True)
class ModelReference:
    """A model as a recipe names it: a folder or a Hub id, and a revision or None."""

    path: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ModelReference":
        """Parse `path`, `hub/id` or `path@revision`, without an adapter; CheckpointError else."""
        path, at, revision = text.partition("@")
        if not path.strip() or "\0" in text or "@" in revision or (at and not revision):
            raise CheckpointError(
                f"{text!r} is no name of a model: write a folder, a Hub id such as org/name, "
                "or either with one @revision behind it"
            )
        return cls(path=path, revision=revision or None)

    def __str__(self) -> str:
        return self.path if self.revision is None else f"{self.path}@{self.revision}"


def pinned(reference: str, folder: Path) -> str:
    """Return a model of the Hub with the commit that was found; anything else as it is.

    `folder`: what `resolve` returned. A branch or a tag gives way to the commit that it was.
    """
    found = _SNAPSHOT.search(folder.as_posix())
    if found is None:
        return reference
    return str(ModelReference(ModelReference.parse(reference).path, found[1]))


def commit_of(reference: str) -> str | None:
    """Return the commit behind a model's name (that of the base, of `base+adapter`); or None."""
    found = _COMMIT.search(reference.partition("+")[0])
    return found[1] if found else None


def split_adapter(reference: str, relative_to: Path | None = None) -> tuple[str, str | None]:
    """Return the names of model and LoRA adapter in `model+adapter`; no '+': (reference, None).

    An existing folder that is called exactly as the reference, or as what stands before a '+',
    is a model: folders may have '+' in their names. CheckpointError for more than one adapter.
    """
    if "+" not in reference or local_folder(reference, relative_to) is not None:
        return reference, None
    cuts = [place for place, sign in enumerate(reference) if sign == "+"]
    known = [place for place in cuts if local_folder(reference[:place], relative_to) is not None]
    cuts = known or cuts
    model, adapter = reference[: cuts[0]], reference[cuts[0] + 1 :]
    if len(cuts) > 1 or not model.strip() or not adapter.strip():
        raise CheckpointError(
            f"{reference!r} is not one model and one LoRA adapter; write MODEL+ADAPTER"
        )
    return model, adapter


def resolve(
    reference: str,
    relative_to: Path | None = None,
    holds: Holds | None = None,
    *,
    with_code: bool = False,
) -> Path:
    """Return the folder of a model or an adapter, downloading it from the Hub if it must.

    A relative name is looked for in `relative_to`, then in the current folder, then in the local
    Hub cache, then on the Hub. An existing folder that is called exactly as the reference wins, so
    folders may have `@` and `+` in their names. `holds` tells whether a cached folder of the Hub
    is whole, by default as a model. `with_code`: fetch a model's own Python too. CheckpointError if
    nothing is found.
    """
    found = _folder_or_hub_model(reference, relative_to)
    if isinstance(found, Path):
        return found
    whole = holds or (is_whole_with_code if with_code else is_whole_model)
    try:
        return hub_folder(reference, found.path, found.revision, whole, with_code=with_code)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"{error}{near_folder(found.path, relative_to)}") from error


def find_here(
    reference: str, relative_to: Path | None = None, holds: Holds | None = None
) -> Path | None:
    """Return what `resolve` would, if it is on this machine, else None; nobody is asked.

    CheckpointError for what can be no model.
    """
    found = _folder_or_hub_model(reference, relative_to)
    if isinstance(found, Path):
        return found
    return cached_folder(found.path, found.revision, holds or is_whole_model)


def _folder_or_hub_model(reference: str, relative_to: Path | None) -> Path | ModelReference:
    """Return the folder that a name is, or which model of the Hub it names."""
    literal = local_folder(reference, relative_to)
    if literal is not None:
        return literal
    model = ModelReference.parse(reference)
    folder = local_folder(model.path, relative_to)
    if folder is not None:
        raise CheckpointError(
            f"{reference!r}: {str(folder)!r} is a local folder, which has no revision "
            f"{model.revision!r}; leave out '@{model.revision}' or name the model of the Hub"
        )
    if not _HUB_ID.fullmatch(model.path):
        places = [str(relative_to)] if relative_to is not None else []
        raise ModelNotFoundError(
            f"{reference!r} is no folder (relative names are looked for in "
            f"{' and '.join([*places, str(Path.cwd())])}) and cannot be a model of the Hub; "
            f"correct the path{near_folder(model.path, relative_to)}"
        )
    return model


def near_folder(name: str, relative_to: Path | None) -> str:
    """Return "; did you mean 'x'?" if a folder beside the one that is not there is called alike."""
    path = Path(name).expanduser()
    for start in (relative_to or Path.cwd(), Path.cwd()):
        try:
            beside = [each.name for each in (start / path).parent.iterdir() if each.is_dir()]
        except OSError:
            continue
        if near := nearest(path.name, beside):
            return f"; did you mean {str(path.with_name(near))!r}?"
    return ""


def local_folder(name: str, relative_to: Path | None = None) -> Path | None:
    """Return the existing folder of that name, or None; CheckpointError for a file.

    A relative name is looked for in `relative_to`, then in the current folder.
    """
    if not name or "\0" in name:
        return None
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise CheckpointError(
            f"{name!r}: the home folder is not known ({error}); write the path without '~'"
        ) from error
    # Joining with an absolute path gives the absolute path: one loop serves both.
    for start in (relative_to, Path.cwd()):
        candidate = path if start is None else start / path
        try:
            if candidate.is_dir():
                return candidate.resolve()
            is_file = candidate.is_file()
        except OSError as error:
            raise CheckpointError(
                f"{name!r} cannot be looked up: {error.strerror}; correct the path"
            ) from error
        if is_file:
            raise CheckpointError(
                f"{str(candidate)!r} is a file; name the folder that holds the model's config.json"
            )
    return None
