"""The stand-in for Show-o of `scripts/showo_stand_in.py`, and the commands on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from unif2ace.commands.checkpoint import export_weights, import_weights
from unif2ace.engine import compose

ROOT = Path(__file__).parents[2]


def write_stand_in(folder: Path) -> Path:
    """Writes the published files; gives the folder."""
    spec = importlib.util.spec_from_file_location("showo_stand_in", ROOT / "scripts" / "showo_stand_in.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(folder)
    return folder


def imported(importer: str, source: Path, out: Path, *words: str) -> Path:
    """`unif2ace-checkpoint import`."""
    return import_weights(compose("import", [f"importer={importer}", f"weights={source}", f"out={out}", *words]))


def imported_showo(folder: Path, out: Path, *words: str, source: Path | None = None) -> Path:
    """`unif2ace-checkpoint import showo` of the stand-in."""
    given = [f"image_tokenizer={folder / 'magvit'}", f"text_tokenizer={folder / 'phi-1_5'}", "image_size=64"]
    typed = {word.partition("=")[0] for word in words}
    kept = [word for word in given if word.partition("=")[0] not in typed]
    return imported("showo", source or folder / "show-o", out, *kept, *words)


def exported(project: str, source: Path, out: Path) -> Path:
    """`unif2ace-checkpoint export`."""
    return export_weights(compose("export", [f"project={project}", f"ckpt={source}", f"out={out}"]))
