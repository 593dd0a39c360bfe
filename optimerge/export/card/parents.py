"""The models that a merge was made of, as its card names them.

A model of the Hub goes by its name. A local folder goes by the last part of its path: nobody else
has that path, and it may tell who made the merge.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.reference import ModelReference, local_folder, split_adapter
from optimerge.export.card.front_matter import CARD, Said, is_hub_name, read_card, said_by

_SNAPSHOT = re.compile(r"/models--([\w.-]+?)--([\w.-]+)/snapshots/([0-9a-f]{40})$", re.ASCII)
"""How a folder of the Hub's local cache ends."""
_FOLDERS = frozenset(
    {
        *("models", "model", "checkpoints", "checkpoint", "ckpt", "ckpts", "output", "outputs"),
        *("out", "runs", "results", "data", "tmp", "home", "work", "weights", "merged"),
    }
)
"""Names of folders that people keep models in, and that no organisation of the Hub bears."""


@dataclass(frozen=True)
class Parent:
    """One model, or one LoRA adapter, that took part."""

    shown: str
    """What the card calls it: its name on the Hub, or the last part of its folder's path."""
    hub: str = ""
    """Its name on the Hub; "" for a local folder."""
    revision: str = ""
    """Its commit, branch or tag on the Hub; "" where that is not known."""
    derived: str = ""
    """Of a local folder the model of the Hub that it says it comes from."""
    said: Said = field(default_factory=Said)


def card_parents(
    checkpoints: Sequence[Checkpoint], folder: Path
) -> tuple[list[Parent], dict[str, str]]:
    """Return the parents, base first, and what the card calls each reference of the recipe.

    `folder`: what the references are relative to. Only for a model of the Hub whose card is not in
    the local cache the Hub is asked; if it does not answer, its card says nothing.
    """
    parents: dict[Path, Parent] = {}
    shown: dict[str, str] = {}
    for checkpoint in checkpoints:
        model, adapter = split_adapter(checkpoint.reference, folder)
        places = [(model, checkpoint.path)]
        if adapter is not None and checkpoint.adapter is not None:
            places.append((adapter, checkpoint.adapter.path))
        for name, path in places:
            if path not in parents:
                parents[path] = _told_apart(_parent(name, path, folder), parents.values())
        shown[checkpoint.reference] = "+".join(_with_revision(parents[path]) for _, path in places)
    return list(parents.values()), shown


def _with_revision(parent: Parent) -> str:
    return f"{parent.shown}@{parent.revision}" if parent.revision else parent.shown


def _parent(name: str, path: Path, folder: Path) -> Parent:
    found = _SNAPSHOT.search(path.as_posix())
    if local_folder(name, folder) is None and not Path(name).is_absolute():
        reference = ModelReference.parse(name)
        revision = found[3] if found else reference.revision or ""
        return Parent(reference.path, reference.path, revision, said=_hub_card(reference, path))
    if found is not None:
        hub = f"{found[1]}/{found[2]}"
        return Parent(hub, hub, found[3], said=_hub_card(ModelReference(hub, found[3]), path))
    said = read_card(path)
    return Parent(path.name or "model", derived=_derived(path, said), said=said)


def _told_apart(parent: Parent, others: Iterable[Parent]) -> Parent:
    """Number a folder that is called as another one is."""
    taken, number, shown = {other.shown for other in others}, 2, parent.shown
    while shown in taken:
        shown, number = f"{parent.shown}-{number}", number + 1
    return Parent(shown, parent.hub, parent.revision, parent.derived, parent.said)


def _derived(path: Path, said: Said) -> str:
    """Return the model of the Hub that a local one comes from, by its config or its card."""
    from optimerge.checkpoint.json_file import read_object
    from optimerge.errors import CheckpointError

    try:
        config = read_object(path / "config.json")
    except (FileNotFoundError, CheckpointError):  # an adapter has none
        config = {}
    names = [config.get("_name_or_path"), *said.base_models]
    return next((n for n in names if isinstance(n, str) and _may_be_of_the_hub(n)), "")


def _may_be_of_the_hub(name: str) -> bool:
    first, _, last = name.partition("/")
    return (
        is_hub_name(name)
        and first.lower() not in _FOLDERS
        and re.fullmatch(r"checkpoint-\d+", last) is None
        and not Path(name).exists()
    )


def _hub_card(reference: ModelReference, path: Path) -> Said:
    """Return what the card of a model of the Hub says: a build downloads models without it."""
    if (path / CARD).is_file():
        return read_card(path)
    import huggingface_hub

    try:
        file = huggingface_hub.hf_hub_download(
            reference.path, CARD, revision=reference.revision, etag_timeout=8.0
        )
        return said_by(Path(file).read_text("utf-8", "replace"))
    except Exception as error:
        # Any library of any release: an unknown licence is said to be unknown, and no more depends
        # on this; but our own faults are ours.
        if isinstance(error, OSError | ValueError) or _of_a_client(error):
            return Said()
        raise


def _of_a_client(error: Exception) -> bool:
    module = type(error).__module__.partition(".")[0]
    return module in {"huggingface_hub", "httpx", "httpx2", "requests"}
