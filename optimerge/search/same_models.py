"""Tells, when a run is resumed, whether its models are still those that it was started with."""

from collections.abc import Mapping
from pathlib import Path

from optimerge.checkpoint.digest import part_digests, text_digests
from optimerge.errors import RunError
from optimerge.records.run import Run
from optimerge.search.models import Models

Digests = Mapping[str, Mapping[str, str]]
"""By a model's reference and the name of its file."""


def model_digests(models: Models) -> Digests:
    """Return the digests of the files of base and experts; headers and samples are read.

    Files of the tokenizer too, of the models whose tokenizers are used: the base's, or, where the
    space names a tokenizer, that of every model and the one that is named.
    """
    found = {each.reference: part_digests(each) for each in models.checkpoints}
    vocabulary = models.vocabulary
    for each in models.checkpoints if vocabulary else [models.base]:
        found[each.reference] |= text_digests(each.path)
    if vocabulary and vocabulary.owner and vocabulary.wanted.source not in found:
        found[vocabulary.wanted.source] = text_digests(vocabulary.owner)
    return found


def refuse_other_models(run: Run, now: Digests, folders: Mapping[str, Path]) -> None:
    """Raise RunError if a model's file was replaced, removed or added since the run was started.

    What is compared is content (`optimerge.checkpoint.digest`): a file that was copied, touched or
    lies elsewhere is the same.
    """
    for reference, before in run.info.models.items():
        found = now.get(reference, {})
        for name in (*before, *(n for n in found if n not in before)):
            if before.get(name) == found.get(name):
                continue
            file = folders[reference] / name if reference in folders else Path(reference) / name
            what = "was replaced" if name in before and name in found else "is gone"
            what = what if name in before else "was added"
            raise RunError(
                f"{run.folder}: {file} of the model {reference} {what} since the run was started, "
                "so its merges would not be comparable; put the old file back, or give another "
                "--run-dir"
            )
