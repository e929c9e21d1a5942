"""The parts of a trained model, and the release folder that contains them.

A release folder holds ``unified.safetensors``, ``tokenizer.safetensors``, ``attributes.safetensors`` if the model reads
the classifier's features, ``tokenizer.json`` of the text tokenizer, ``config.json``, and the card ``README.md``: what a
model hub expects. A run folder holds only the unified weights and the text tokenizer, and records the paths of the
others.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.engine.weights import BUILTIN, TEXT_FILE, Precision, Weights, read_weights, save_weights
from unif2ace.errors import ConfigError, DataError, nearest
from unif2ace.inference.front_matter import front_matter, license_text
from unif2ace.inference.hub import download_release, hub_name
from unif2ace.inference.shown_commands import shown_commands

KIND = "unified"
CARD = "README.md"
OLD_CARD = "card.md"
CONFIG = "config.json"
LICENSE = "LICENSE"


@dataclass(frozen=True, slots=True)
class Release:
    """The parts of a trained model.

    Attributes:
        unified: Weights of the transformer.
        components: Weights of the networks it uses, by kind: ``tokenizer`` and, if it reads its features,
            ``attributes``.
        text: File of the text tokenizer.
    """

    unified: Weights
    components: Mapping[str, Weights]
    text: Path

    @property
    def module(self) -> dict[str, Any]:
        """Training settings besides the network: visual encoders, image size, maximum text length."""
        return dict(self.unified.header["module"])


def open_release(
    path: str | Path, components: Mapping[str, str | Path] | None = None, revision: str | None = None
) -> Release:
    """Reads a release folder, or a run folder with the networks it refers to.

    Args:
        path: ``builtin``, a release folder, a run folder, a weights file in one of them, or ``owner/name`` on the hub,
            also as ``owner/name@revision``.
        components: New paths of the other networks, by kind, if they were moved.
        revision: Branch, tag or commit on the hub.

    Raises:
        DataError: If a part is missing or damaged, or is not the one it was trained with or that the card names.
        ConfigError: If the weights are of another kind, or `components` names a network that the model does not use.
    """
    on_hub = None if str(path) == "builtin" and revision is None else hub_name(path, revision)
    if on_hub is not None:
        path = download_release(*on_hub)
    found = _open_folder(path, components)
    check_card(found, required=on_hub is not None)
    return found


def _open_folder(path: str | Path, components: Mapping[str, str | Path] | None) -> Release:
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
    options = (*wanted, "device", "allow", "revision")
    for name in (components or {}).keys() - wanted.keys():
        raise ConfigError(f"there is no option {name!r}{nearest(name, options)}; this model takes {', '.join(options)}")
    found = {k: _component(k, v, folder, (components or {}).get(k)) for k, v in wanted.items()}
    return Release(unified, found, text)


def check_card(release: Release, required: bool = False) -> None:
    """Compares the fingerprints of loaded weights with those on the card beside them.

    Args:
        release: The parts that were read.
        required: Whether there must be a card.

    Raises:
        DataError: If one differs, or there is no card.
    """
    folder = release.unified.path.parent
    named = front_matter(folder / CARD).get("unif2ace", {})
    listed = named.get("fingerprints", {}) if isinstance(named, Mapping) else {}
    if required and not listed:
        raise DataError(f"{folder} has no {CARD} that names fingerprints of its weights: `unif2ace-release` writes one")
    for kind, weights in {**release.components, KIND: release.unified}.items():
        if listed and weights.path.parent == folder and listed.get(kind) != weights.fingerprint:
            raise DataError(
                f"{weights.path} has fingerprint {weights.short}, the card beside it says "
                f"{str(listed.get(kind, 'none'))[:SHOWN]}: download the folder again, or release the model again"
            )


def _component(kind: str, wanted: Mapping[str, str], folder: Path, given: str | Path | None) -> Weights:
    beside = folder / f"{kind}.safetensors"
    place = Path(given) if given else beside if beside.is_file() else _moved_with(folder, Path(wanted["path"]))
    try:
        weights = read_weights(place, kind)
    except DataError as error:
        raise DataError(
            f"the {kind} that {folder} was trained with is missing ({error}); copy it to {beside}"
        ) from error
    if wanted["fingerprint"] not in ("", weights.component_fingerprint):
        raise DataError(
            f"{folder} was trained with {kind} {wanted['fingerprint'][:SHOWN]}, {place} is "
            f"{weights.component_fingerprint[:SHOWN]}: copy that one to {beside}"
        )
    return weights


def _moved_with(folder: Path, recorded: Path) -> Path:
    """A recorded path as it is now: also looked for below the folders above the run, and beside the run.

    ``builtin`` is the package's, even where a folder has that name.
    """
    if str(recorded) == "builtin":
        return recorded
    above = [parent / recorded for parent in folder.absolute().parents]
    places = [recorded, *above, folder.absolute().parent / recorded.name]
    return next((place for place in places if place.exists()), recorded)


def write_release(
    release: Release,
    folder: str | Path,
    card: Callable[[Mapping[str, str]], str],
    dtype: Precision | None = "float16",
    license: str = "",
) -> Path:
    """Writes a release folder.

    Weights of another precision have another fingerprint. The header of each file therefore keeps, as ``trained_as``,
    the fingerprint of the weights that training wrote.

    Args:
        release: The parts.
        folder: Folder to write.
        card: Makes the text of ``README.md`` from the written files' fingerprints, by kind.
        dtype: Precision of the stored weights.
        license: License of the weights, for the file ``LICENSE``; empty for none.

    Returns:
        The folder.
    """
    folder = Path(folder)
    parts = {**release.components, KIND: release.unified}
    found: dict[str, dict[str, str]] = {}
    written: dict[str, str] = {}
    for kind, weights in parts.items():
        used = {k: {**v, "path": f"{k}.safetensors"} for k, v in weights.header.get("components", {}).items()}
        provenance = moved(weights.header, {k: v["path"] for k, v in used.items()})
        provenance["components"] = found if kind == KIND else used
        provenance["trained_as"] = weights.trained_as
        provenance["commands"] = shown_commands(weights)
        saved = save_weights(
            folder / f"{kind}.safetensors",
            weights.state,
            kind=kind,
            config=weights.config,
            provenance=provenance,
            dtype=dtype,
        )
        found[kind] = {"path": f"{kind}.safetensors", "fingerprint": saved.component_fingerprint}
        written[kind] = saved.fingerprint
    shutil.copyfile(release.text, folder / TEXT_FILE)
    (folder / CARD).write_text(card(written), encoding="utf-8")
    (folder / OLD_CARD).unlink(missing_ok=True)
    config = {
        "model_type": "unif2ace",
        "architectures": [str(release.unified.config.get("_target_", "")).rpartition(".")[2]],
        "image_size": release.module["image_size"],
        "parts": {kind: {"file": f"{kind}.safetensors", "fingerprint": written[kind]} for kind in written},
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if license:
        (folder / LICENSE).write_text(license_text(license), encoding="utf-8")
    return folder


def moved(node: Any, paths: Mapping[str, str]) -> Any:
    """A configuration with new paths of the trained networks that it loads.

    Args:
        node: A resolved configuration.
        paths: New paths of those networks, by kind.
    """
    if isinstance(node, Mapping):
        found = {k: moved(v, paths) for k, v in node.items()}
        is_loader = str(node.get("_target_", "")).endswith(".load_net")
        return {**found, "path": paths[node["kind"]]} if is_loader and node["kind"] in paths else found
    return [moved(v, paths) for v in node] if isinstance(node, list) else node
