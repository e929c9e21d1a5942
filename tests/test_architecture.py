"""Imports run one way, rooms keep their names, and files stay readable."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "unif2ace"
FILES = sorted(SOURCE.rglob("*.py"))

BASE = {"types", "errors", "hardware"}
FACES = {"attributes", "language", "synthetic"}
MATHEMATICS = BASE | {"sequence", "diffusion"}
MODELS = MATHEMATICS | {"nets", "losses", "metrics"}
FRAME = MODELS | FACES | {"modules", "callbacks", "strategies", "loggers", "checkpoints", "data", "progress"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "hardware": {"errors"},
    "progress": set(),
    "language_models": {"errors", "types", "progress"},
    "attributes": {"errors"},
    "language": {"errors", "attributes"},
    "synthetic": {"errors", "attributes"},
    "sequence": BASE,
    "diffusion": BASE,
    "lr_schedulers": BASE,
    "optimizers": BASE,
    "nets": MATHEMATICS,
    "losses": MATHEMATICS,
    "metrics": MATHEMATICS | {"nets"},
    "checkpoints": BASE,
    "loggers": BASE,
    "modules": MODELS | {"optimizers"},
    "callbacks": MODELS | {"checkpoints", "loggers"},
    "strategies": MODELS | {"checkpoints"},
    "data": MODELS | FACES | {"progress"},
    "curation": {
        "errors",
        "types",
        "hardware",
        "attributes",
        "language",
        "synthetic",
        "data",
        "progress",
        "language_models",
    },
    "comparing": {"errors"},
    "report": {"errors", "comparing", "data"},
    "engine": FRAME | {"comparing"},
    "planning": FRAME | {"engine"},
    "inference": FRAME | {"curation", "engine"},
    "demo": FRAME | {"engine", "inference"},
    "evaluation": FRAME | {"engine", "inference", "language_models"},
    "importers": FRAME | {"engine", "inference"},
    "tables": FRAME | {"comparing", "engine", "planning"},
    "commands": FRAME
    | {"comparing", "curation", "demo", "engine", "planning"}
    | {"inference", "evaluation", "importers", "report", "tables"},
}
"""The rooms, and which other rooms each may enter."""

OUTSIDE = {
    "nets": {"lightning", "hydra", "omegaconf"},
    "losses": {"hydra", "omegaconf"},
    "diffusion": {"lightning", "hydra", "omegaconf"},
    "sequence": {"lightning", "hydra", "omegaconf"},
    "modules": {"hydra", "omegaconf"},
    "callbacks": {"hydra", "omegaconf"},
    "lr_schedulers": {"lightning", "hydra", "omegaconf"},
    "optimizers": {"lightning", "hydra", "omegaconf"},
    "metrics": {"hydra", "omegaconf"},
    "data": {"hydra", "omegaconf"},
    "curation": {"lightning", "hydra", "omegaconf"},
    "attributes": {"lightning", "hydra", "omegaconf"},
    "language": {"lightning", "hydra", "omegaconf"},
    "language_models": {"torch", "lightning", "hydra", "omegaconf"},
    "synthetic": {"lightning", "hydra", "omegaconf"},
    "evaluation": {"hydra", "omegaconf"},
    "report": {"torch", "lightning", "hydra", "omegaconf"},
}
"""Packages that a room must not import."""

LIGHT = (
    "attributes",
    "language",
    "language_models",
    "synthetic",
    "data/shards",
    "data/sources",
    "curation",
    "engine",
    "planning",
    "inference",
    "comparing",
    "evaluation",
    "report",
    "tables",
    "commands",
)
"""Folders that import no torch when they are imported: commands answer at once, and workers start quickly."""

BANNED = {"utils", "helpers", "common", "misc"}


def _room(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@cache
def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_imports_run_one_way():
    wrong = []
    for file in FILES:
        room = _room(file)
        for name in _imports(file) if room != "__init__" else ():
            parts = name.split(".")
            inside = parts[0] == "unif2ace" and len(parts) > 1 and parts[1] in MAY_IMPORT and parts[1] != room
            if (inside and parts[1] not in MAY_IMPORT[room]) or parts[0] in OUTSIDE.get(room, set()):
                wrong.append(f"{file.relative_to(SOURCE)}: {room} must not import {name}")
    assert not wrong, "\n".join(wrong)


def test_every_room_has_its_rule():
    assert {_room(f) for f in FILES} - {"__init__"} <= MAY_IMPORT.keys()


def test_light_folders_import_no_torch():
    lines = ["import sys"]
    for folder in LIGHT:
        assert (SOURCE / folder).is_dir()
        files = [f.relative_to(SOURCE) for f in FILES if f.is_relative_to(SOURCE / folder) and f.stem != "__main__"]
        lines += [f"import {'.'.join(('unif2ace', *f.with_suffix('').parts)).removesuffix('.__init__')}" for f in files]
        lines.append(
            f"assert not (bad := {{'torch', 'lightning', 'webdataset'}} & sys.modules.keys()), ({folder!r}, bad)"
        )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_and_functions_stay_readable():
    wrong = []
    for file in FILES:
        text, name = file.read_text(), file.relative_to(SOURCE)
        if len(text.splitlines()) > 400:
            wrong.append(f"{name} is over 400 lines: split it")
        if file.stem in BANNED:
            wrong.append(f"{name}: a name that says what is in it")
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60:
                wrong.append(f"{name}: {node.name} is over 60 lines")
    assert not wrong, "\n".join(wrong)


def test_public_things_are_documented():
    wrong = []
    for file in FILES:
        tree, name = _tree(file), file.relative_to(SOURCE)
        wrong += [] if ast.get_docstring(tree) else [f"{name} has no docstring"]
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                wrong.append(f"{name}: {node.name} has no docstring")
    assert not wrong, "\n".join(wrong)


def test_modules_do_not_import_each_other_in_circles():
    """Imports for type checking and inside functions count: a circle is one room in two files."""
    names = {
        ".".join(("unif2ace", *f.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): f for f in FILES
    }
    uses = {name: {used for used in _imports(file) if used in names and used != name} for name, file in names.items()}
    done: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"imports in a circle: {' -> '.join((*path[path.index(name) :], name))}"
        if name not in done:
            for used in sorted(uses[name]):
                follow(used, (*path, name))
            done.add(name)

    for name in sorted(names):
        follow(name, ())
