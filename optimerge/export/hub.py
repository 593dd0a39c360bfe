"""Publishes a checkpoint on the Hugging Face Hub, privately unless asked otherwise.

The token is that of huggingface_hub: $HF_TOKEN, or what `hf auth login` keeps. It is never shown.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.errors import HubError
from optimerge.export.card.front_matter import is_hub_name
from optimerge.records.plain import one_line
from optimerge.records.secrets import redacted_text

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".gguf", ".pt", ".pth")
CLIENTS = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "hf_xet"})
"""Where errors of the network come from, by release of huggingface_hub."""
LOGIN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class Target:
    """A repository of the Hub that a checkpoint may be uploaded to."""

    name: str
    private: bool


def push_to_hub(folder: str | Path, name: str, *, private: bool = True) -> str:
    """Upload a model folder to the Hub as ORG/NAME; return its address.

    The repository is made if it is not there. HubError, in one sentence, if that cannot be.
    """
    return upload(prepare(name, private=private), Path(folder))


def prepare(name: str, *, private: bool = True) -> Target:
    """Make the repository, or see that the one of that name may be written to.

    HubError without a token, a right or a network; if what is there is seen by others than was
    asked for; or if it may be another model.
    """
    if not is_hub_name(name):
        raise HubError(f"{name!r} is no name of a model on the Hub; give ORG/NAME")
    api = _api(name)
    from huggingface_hub.errors import HfHubHTTPError

    with _in_a_sentence(name):
        try:
            api.create_repo(name, private=private)
        except HfHubHTTPError as error:
            if _status(error) not in (401, 402, 403, 409):
                raise
            # Ours of an earlier try, or one that the token may write to and not make.
            if not _check_existing(api, name, private):
                raise
    return Target(name, private)


def upload(target: Target, folder: Path) -> str:
    """Upload what is in a folder, but for what is hidden; return the model's address.

    Files that are there already are not sent again. HubError if weights are there that the folder
    does not have: they would be mixed up with its own.
    """
    api = _api(target.name)
    with _in_a_sentence(target.name, "; the same command goes on"):
        there = (each.rfilename for each in api.model_info(target.name).siblings or ())
        for name in there:
            if name.endswith(WEIGHTS) and not (folder / name).exists():
                raise HubError(
                    f"{target.name} holds {one_line(name)}, which this model does not have; give "
                    "another name, or delete it on the Hub"
                )
        api.upload_folder(
            repo_id=target.name,
            folder_path=folder,
            commit_message="A merge, built by optimerge",
            ignore_patterns=[".*", ".*/**"],
        )
    return f"{api.endpoint}/{target.name}"


def _api(name: str) -> "HfApi":
    import huggingface_hub

    if huggingface_hub.get_token() is None:
        raise HubError(f"{name}: there is no token to write to the Hub with; {LOGIN}")
    return huggingface_hub.HfApi()


def _check_existing(api: "HfApi", name: str, private: bool) -> bool:
    """Return whether the repository is there; HubError if it is not what was asked for."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = api.model_info(name)
    except HfHubHTTPError:
        return False
    if bool(info.private) is not private:
        raise HubError(
            f"{name} is there and is private; leave --public out, or make it public on the Hub"
            if info.private
            else f"{name} is there and everybody can see it; give --public, or another name"
        )
    return True


@contextmanager
def _in_a_sentence(name: str, more: str = "") -> Iterator[None]:
    """Turn the library's errors into a HubError; `more`: the end of the sentence."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        # Each release of the library has its own, from other HTTP clients; ours are let through.
        why = _why(name, error)
        if why is None:
            raise
        raise HubError(f"{name}: {why}{more}") from error


def _why(name: str, error: BaseException) -> str | None:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    causes = list(_causes(error))
    if any(isinstance(each, OfflineModeIsEnabled) for each in causes):
        return "HF_HUB_OFFLINE is set; unset it to upload"
    answered = next((each for each in causes if isinstance(each, HfHubHTTPError)), None)
    if answered is not None:
        return _answer(name, answered)
    for each in causes:
        if isinstance(each, ConnectionError | TimeoutError) or _module(each) in CLIENTS:
            return f"the Hub cannot be reached ({_line(str(each))}); check the network"
    if isinstance(error, OSError | RuntimeError):  # what hf_xet raises has no class of its own
        return f"the upload failed ({_line(str(error))})"
    return None


def _answer(name: str, error: "HfHubHTTPError") -> str:
    status, organisation = _status(error), name.partition("/")[0]
    said = _line(str(getattr(error, "server_message", None) or ""))
    quoted = f" ({status}: {said})" if said else f" ({status})"
    if status == 401:
        return f"the Hub does not take the token{quoted}; {LOGIN}"
    if status in (402, 403):
        return (
            f"the token may not write to {organisation}{quoted}; take one that may, or give "
            "another ORG/NAME"
        )
    if status == 404:
        return f"the Hub has no such model, or the token may not see it{quoted}; {LOGIN}"
    if status == 409:
        return f"the Hub has one of that name, or is busy with it{quoted}; try again"
    return f"the Hub refused{quoted}; try again later"


def _status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _module(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _line(text: str) -> str:
    return redacted_text(one_line(text.strip().partition("\n")[0]))[:200]
