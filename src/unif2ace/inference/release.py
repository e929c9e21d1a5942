"""The parts of a trained model, and the release folder that contains them.

A release folder can be uploaded to a model hub. It holds ``unified.safetensors``, ``tokenizer.safetensors``, the text
tokenizer ``tokenizer.json``, ``config.json`` and the card ``README.md``. It also holds ``attributes.safetensors`` if
the model uses the classifier's features. A run folder only holds the unified weights and the text tokenizer, and
records the paths of the other networks.
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
        components: Weights of the model's other networks, by kind: ``tokenizer``, and ``attributes`` if the model uses
            the classifier's features.
        text: Path of the text tokenizer.
    """

    unified: Weights
    components: Mapping[str, Weights]
    text: Path

    @property
    def module(self) -> dict[str, Any]:
        """Training settings other than the network's: visual encoders, image size, maximum text length."""
        return dict(self.unified.header["module"])


def open_release(
    path: str | Path, components: Mapping[str, str | Path] | None = None, revision: str | None = None
) -> Release:
    """Reads a release folder, or a run folder and the networks at its recorded paths.

    Args:
        path: ``builtin``, a release folder, a run folder, a weights file in one of them, or ``owner/name`` on the hub,
            also as ``owner/name@revision``.
        components: New paths of the other networks, by kind, if they were moved.
        revision: Branch, tag or commit on the hub.

    Raises:
        DataError: If a part is missing or damaged, or its fingerprint differs from the training record or the card.
        ConfigError: If the weights are not those of a unified model, or `components` names a network that the model
            does not use.
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
        raise DataError("ckpt=builtin: this installation has no built-in model; give ckpt=RUN, the folder of a run")
    unified = read_weights(path, KIND)
    if unified.kind != KIND:
        raise ConfigError(
            f"{unified.path} holds weights of kind {unified.kind!r}: give the weights of a unified model, or "
            "ckpt=builtin"
        )
    folder = unified.path.parent
    folder = folder.parent if folder.name == "checkpoints" else folder
    text = folder / TEXT_FILE
    if not text.is_file():
        raise DataError(f"{folder} lacks the text tokenizer {TEXT_FILE}, which training wrote there: copy it back")
    wanted: Mapping[str, Mapping[str, str]] = unified.header.get("components", {})
    options = (*wanted, "device", "allow", "revision")
    for name in (components or {}).keys() - wanted.keys():
        raise ConfigError(f"there is no option {name!r}{nearest(name, options)}; give one of {', '.join(options)}")
    found = {k: _component(k, v, folder, (components or {}).get(k)) for k, v in wanted.items()}
    return Release(unified, found, text)


def check_card(release: Release, required: bool = False) -> None:
    """Compares the fingerprints of loaded weights with the fingerprints on the card in the same folder.

    Args:
        release: The loaded parts.
        required: Whether a missing card is an error.

    Raises:
        DataError: If a fingerprint differs, or a required card is missing.
    """
    folder = release.unified.path.parent
    named = front_matter(folder / CARD).get("unif2ace", {})
    listed = named.get("fingerprints", {}) if isinstance(named, Mapping) else {}
    if required and not listed:
        raise DataError(
            f"{folder} has no {CARD} with the fingerprints of its weights: write the folder with `unif2ace-release`"
        )
    for kind, weights in {**release.components, KIND: release.unified}.items():
        if listed and weights.path.parent == folder and listed.get(kind) != weights.fingerprint:
            raise DataError(
                f"{weights.path} has the fingerprint {weights.short}, but {CARD} in its folder says "
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
            f"{folder} was trained with the {kind} {wanted['fingerprint'][:SHOWN]}, but {place} is "
            f"{weights.component_fingerprint[:SHOWN]}: copy {wanted['fingerprint'][:SHOWN]} to {beside}"
        )
    return weights


def _moved_with(folder: Path, recorded: Path) -> Path:
    """Looks for a recorded path: as recorded, relative to each parent folder of the run, and beside the run.

    The path ``builtin`` always means the model in the package, even if a folder has this name.
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

    Storing weights in another precision changes their fingerprint. The header of each file therefore keeps the
    fingerprint of the trained weights as ``trained_as``.

    Args:
        release: The parts of the model.
        folder: Folder to write.
        card: Makes the text of ``README.md`` from the fingerprints of the written files, by kind.
        dtype: Precision of the stored weights; None keeps their precision.
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
    """A copy of a configuration in which the paths of loaded networks are replaced.

    Args:
        node: A resolved configuration.
        paths: New paths of the networks, by kind.
    """
    if isinstance(node, Mapping):
        found = {k: moved(v, paths) for k, v in node.items()}
        is_loader = str(node.get("_target_", "")).endswith(".load_net")
        return {**found, "path": paths[node["kind"]]} if is_loader and node["kind"] in paths else found
    return [moved(v, paths) for v in node] if isinstance(node, list) else node
