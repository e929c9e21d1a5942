"""Uploads models and data sets to the Hugging Face hub, and downloads releases.

A download only contains the files of a release: safetensors, JSON, the card and the license. No pickled file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from unif2ace.errors import ConfigError, DataError
from unif2ace.inference.front_matter import package_version

RELEASE_FILES = ("*.safetensors", "config.json", "tokenizer.json", "README.md", "LICENSE")
"""Patterns of a release's files. All other files of a repository are neither uploaded nor downloaded."""
DATA_FILES = (
    "README.md",
    "card.png",
    "tokenizer.json",
    "*.tar",
    "*/index.json",
    "*/index.npy",
    "index.json",
    "index.npy",
)
"""Patterns of a data set's files. Here `*` also matches folders."""
_NAME = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w./-]+))?")


def hub_name(path: str | Path, revision: str | None = None) -> tuple[str, str | None] | None:
    """The hub name and revision that a path refers to; None if the path is local.

    A path is local if it exists, or if its parent folder exists and no revision is given. A mistyped run in ``logs`` is
    therefore not searched for on the hub.

    Args:
        path: ``owner/name``, ``owner/name@revision`` or a local path.
        revision: Branch, tag or commit of a model on the hub.

    Raises:
        ConfigError: If a revision is given for a path that is local or not a hub name, or if two revisions are given.
    """
    found = _NAME.fullmatch(str(path))
    here = Path(path)
    is_file = here.suffix in (".safetensors", ".ckpt")
    if here.exists() or found is None or is_file or (revision is None and here.parent.exists()):
        if revision is not None:
            what = "is a local path" if here.exists() else "is not a name on the hub, such as owner/name"
            raise ConfigError(f"revision={revision} has no effect: {path} {what}; remove revision=...")
        return None
    named = found["revision"]
    if named and revision and named != revision:
        raise ConfigError(f"{path} names the revision {named}, but revision={revision}: give only one of them")
    return found["name"], revision or named


def check_hub_name(name: str, key: str) -> None:
    """Checks the name of a repository on the hub.

    Args:
        name: The name.
        key: Key of the command line, for errors.

    Raises:
        ConfigError: If the name has not the form ``owner/name``.
    """
    found = _NAME.fullmatch(name)
    if found is None or found["revision"]:
        raise ConfigError(f"{key}={name} is not the name of a repository on the hub: give {key}=OWNER/NAME")


def download_release(name: str, revision: str | None = None) -> Path:
    """Downloads a release, or finds it in the hub's cache. The variable ``HF_ENDPOINT`` selects another hub.

    Args:
        name: ``owner/name``.
        revision: Branch, tag or commit; None for the main branch.

    Returns:
        The local folder of the release.

    Raises:
        DataError: If the hub has no such model, or cannot be reached.
    """
    with _named_faults(name, revision):
        return Path(_api().snapshot_download(name, revision=revision, allow_patterns=list(RELEASE_FILES)))


def push_folder(
    folder: Path,
    name: str,
    *,
    files: Sequence[str] = RELEASE_FILES,
    private: bool = True,
    kind: Literal["model", "dataset"] = "model",
) -> str:
    """Uploads a folder as one commit. The repository is created if it does not exist.

    Args:
        folder: The folder.
        name: ``owner/name``.
        files: Patterns of the files to upload.
        private: Whether a new repository is private.
        kind: Type of the repository.

    Returns:
        URL of the commit.

    Raises:
        ConfigError: If the user is not logged in, or has no write permission.
        DataError: If the hub refuses the upload or cannot be reached.
    """
    with _named_faults(name, None):
        api = _api()
        api.create_repo(name, repo_type=kind, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=name,
            folder_path=folder,
            repo_type=kind,
            allow_patterns=list(files),
            ignore_patterns=[".*", "*/.*"],
            commit_message="Release written by unif2ace" if kind == "model" else "Shards written by unif2ace",
        )
    return str(done.commit_url)


def _api() -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ConfigError("the hub needs the package huggingface_hub: pip install huggingface_hub") from error
    return HfApi(library_name="unif2ace", library_version=package_version())


@contextmanager
def _named_faults(name: str, revision: str | None) -> Iterator[None]:
    """Turns errors of the hub's client into errors that name the remedy."""
    from huggingface_hub import constants, errors

    at = f"{name}@{revision}" if revision else name
    try:
        yield
    except errors.LocalTokenNotFoundError as error:
        raise ConfigError(f"{at}: you are not logged in to the hub; run `hf auth login`, or set HF_TOKEN") from error
    except errors.OfflineModeIsEnabled as error:
        raise DataError(f"{at}: HF_HUB_OFFLINE blocks access to the hub; set HF_HUB_OFFLINE=0") from error
    except errors.LocalEntryNotFoundError as error:
        why = (
            "HF_HUB_OFFLINE blocks access to the hub: check the path, or set HF_HUB_OFFLINE=0"
            if constants.HF_HUB_OFFLINE
            else "the hub cannot be reached: check the path, the network and HF_ENDPOINT"
        )
        raise DataError(f"{at} is neither a local folder nor in the hub's cache, and {why}") from error
    except errors.RevisionNotFoundError as error:
        raise DataError(
            f"{at}: the hub has {name}, but not the revision {revision}; give a branch, a tag or a commit"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DataError(
            f"{at} is neither a local folder nor a repository on the hub that you may read; check the name, or run "
            "`hf auth login` for a private repository"
        ) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "")
        if status in (401, 403):
            raise ConfigError(
                f"{at}: the hub refuses access ({status}); run `hf auth login`, or set HF_TOKEN to a token with write "
                "permission"
            ) from error
        raise DataError(f"{at}: the hub answers with an error: {str(error).splitlines()[0]}") from error
    except (OSError, _transport_error()) as error:
        raise DataError(f"{at}: the hub cannot be reached ({error}); check the network and HF_ENDPOINT") from error


def _transport_error() -> type[Exception]:
    """Base class of the hub client's transport errors. Its package differs between versions of ``huggingface_hub``."""
    from huggingface_hub import errors

    return next(kind for kind in errors.HfHubHTTPError.__mro__ if kind.__module__ != errors.__name__)
