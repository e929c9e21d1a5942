"""The parts of a trained model that belong together, and the folder in which they travel.

A release folder holds ``unified.safetensors``, ``tokenizer.safetensors``, ``attributes.safetensors`` where the model
reads the classifier's features, ``tokenizer.json`` of the text tokenizer, and ``card.md``. A run's folder holds only
the unified weights and the text tokenizer, and says where the others lie.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.engine.weights import BUILTIN, TEXT_FILE, Precision, Weights, read_weights, save_weights
from unif2ace.errors import ConfigError, DataError

KIND = "unified"
CARD = "card.md"


@dataclass(frozen=True, slots=True)
class Release:
    """Weights that belong together.

    Attributes:
        unified: Of the transformer.
        components: Of the networks it uses, by kind: ``tokenizer`` and, if it reads its features, ``attributes``.
        text: File of the text tokenizer.
    """

    unified: Weights
    components: Mapping[str, Weights]
    text: Path

    @property
    def module(self) -> dict[str, Any]:
        """What the transformer was trained with besides its network: conditions, picture size, longest text."""
        return dict(self.unified.header["module"])


def open_release(path: str | Path, components: Mapping[str, str | Path] | None = None) -> Release:
    """Reads a release folder, or a run's folder with what it says it belongs to.

    Args:
        path: ``builtin``, a release folder, a run's folder, or a weights file in one of them.
        components: Where the other networks lie now, by kind, if they were moved.

    Raises:
        DataError: If a part is missing or damaged, or is another than the one it was trained with.
        ConfigError: If the weights are of another kind.
    """
    path = BUILTIN if str(path) == "builtin" else Path(path)
    if path == BUILTIN and not path.is_dir():
        raise DataError("this installation has no built-in checkpoint: give ckpt=... a run's folder")
    unified = read_weights(path, KIND)
    if unified.kind != KIND:
        raise ConfigError(
            f"{unified.path} holds weights of kind {unified.kind!r}; give those of a unified model, or ckpt=builtin"
        )
    folder = unified.path.parent
    folder = folder.parent if folder.name == "checkpoints" else folder
    text = folder / TEXT_FILE
    if not text.is_file():
        raise DataError(f"{folder} lacks {TEXT_FILE} of the text tokenizer, which training writes there: copy it back")
    wanted: Mapping[str, Mapping[str, str]] = unified.header.get("components", {})
    found = {k: _component(k, v, folder, (components or {}).get(k)) for k, v in wanted.items()}
    return Release(unified, found, text)


def _component(kind: str, wanted: Mapping[str, str], folder: Path, given: str | Path | None) -> Weights:
    beside = folder / f"{kind}.safetensors"
    place = Path(given) if given else beside if beside.is_file() else Path(wanted["path"])
    try:
        weights = read_weights(place, kind)
    except DataError as error:
        raise DataError(f"the {kind} that {folder} was trained with is missing ({error}); give {kind}=...") from error
    if wanted["fingerprint"] not in ("", weights.fingerprint):
        raise DataError(
            f"{folder} was trained with {kind} {wanted['fingerprint'][:SHOWN]}, {place} is {weights.short}: give that "
            f"one with {kind}=..."
        )
    return weights


def write_release(release: Release, folder: str | Path, card: str, dtype: Precision | None = "float16") -> Path:
    """Writes a release folder.

    Args:
        release: The parts.
        folder: Where to.
        card: Text of ``card.md``.
        dtype: Precision that weights are stored in.

    Returns:
        The folder.
    """
    folder = Path(folder)
    parts = {**release.components, KIND: release.unified}
    found: dict[str, dict[str, str]] = {}
    for kind, weights in parts.items():
        used = {k: {**v, "path": f"{k}.safetensors"} for k, v in weights.header.get("components", {}).items()}
        provenance = moved(weights.header, {k: v["path"] for k, v in used.items()})
        provenance["components"] = found if kind == KIND else used
        saved = save_weights(
            folder / f"{kind}.safetensors",
            weights.state,
            kind=kind,
            config=weights.config,
            provenance=provenance,
            dtype=dtype,
        )
        found[kind] = {"path": f"{kind}.safetensors", "fingerprint": saved.fingerprint}
    shutil.copyfile(release.text, folder / TEXT_FILE)
    (folder / CARD).write_text(card, encoding="utf-8")
    return folder


def moved(node: Any, paths: Mapping[str, str]) -> Any:
    """A configuration with the paths at which the trained networks that it loads lie now.

    Args:
        node: A resolved configuration.
        paths: Of those networks, by kind.
    """
    if isinstance(node, Mapping):
        found = {k: moved(v, paths) for k, v in node.items()}
        is_loader = str(node.get("_target_", "")).endswith(".load_net")
        return {**found, "path": paths[node["kind"]]} if is_loader and node["kind"] in paths else found
    return [moved(v, paths) for v in node] if isinstance(node, list) else node
