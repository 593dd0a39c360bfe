"""The keys before the text of a card, as the Hugging Face Hub reads them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from optimerge.export.card.licences import Verdict
from optimerge.export.card.parents import Parent
from optimerge.export.card.scores import Measured
from optimerge.records.plain import one_line
from optimerge.records.types import Score

TAGS = ("merge", "optimerge")
GENERATION = "text-generation"
_TYPE = re.compile(r"[A-Za-z0-9][\w.,-]{0,63}", re.ASCII)


def metadata(
    name: str,
    architecture: str,
    parents: Sequence[Parent],
    verdict: Verdict,
    scores: Measured | None,
    with_mergekit: bool,
) -> dict[str, Any]:
    """Return the metadata of a merge: what is not known is left out.

    `name`: of the model. `architecture`: its class. Only test scores become a `model-index`: those
    of the search flatter what was chosen by them. `with_mergekit`: whether mergekit builds it too.
    """
    data: dict[str, Any] = {}
    if hub := list(dict.fromkeys(p.hub or p.derived for p in parents if p.hub or p.derived)):
        data["base_model"] = hub
        data["base_model_relation"] = "merge"
    if languages := _common(parents):
        data["language"] = languages
    data["library_name"] = "transformers"
    if verdict.licence is not None:
        data["license"] = verdict.licence.tag
        if verdict.licence.name:
            data["license_name"] = verdict.licence.name
        if verdict.licence.link:
            data["license_link"] = verdict.licence.link
    if pipeline := _pipeline(architecture, parents):
        data["pipeline_tag"] = pipeline
    data["tags"] = [*TAGS, *(["mergekit"] if with_mergekit else [])]
    if scores is not None and scores.items == "test":
        data["model-index"] = _index(name, scores, pipeline or GENERATION)
    return data


def _common(parents: Sequence[Parent]) -> list[str]:
    """Return the languages that all parents name; [] if they do not agree, or one names none."""
    found = {parent.said.languages for parent in parents}
    return list(found.pop()) if len(found) == 1 else []


def _pipeline(architecture: str, parents: Sequence[Parent]) -> str:
    found = {parent.said.pipeline for parent in parents}
    if len(found) == 1 and (tag := found.pop()):
        return tag
    return GENERATION if architecture.endswith(("ForCausalLM", "LMHeadModel")) else ""


def _index(name: str, scores: Measured, task: str) -> list[dict[str, Any]]:
    results = [
        _result(objective, score, scores.metrics.get(objective), task)
        for objective, score in scores.this.items()
        if score.items
    ]
    return [{"name": one_line(name), "results": results}] if results else []


def _result(
    objective: str, score: Score, known: tuple[str, str] | None, task: str
) -> dict[str, Any]:
    dataset, metric = known or (objective, "")
    args: Mapping[str, Any] = {
        "items": score.items,
        **({"stderr": score.stderr} if score.stderr is not None else {}),
    }
    return {
        "task": {"type": task, "name": "Text generation" if task == GENERATION else task},
        "dataset": {"name": one_line(objective), "type": _type(dataset)},
        "metrics": [
            {
                "type": _type(metric or "score"),
                "value": score.value,
                "name": f"{one_line(metric or 'score')} on {score.items} items held out of the "
                "search",
                "args": dict(args),
            }
        ],
    }


def _type(text: str) -> str:
    """Return an identifier; what is none is called so that no page reads anything into it."""
    return text if _TYPE.fullmatch(text) else re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)[:64]
