"""A release: one folder that opens anywhere, names no place of the machine it was made on, and carries its card."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from warm_process import run_warm

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))
from tiny_release import make_run

from unif2ace.commands import release
from unif2ace.engine import compose
from unif2ace.engine.fingerprint import SHOWN
from unif2ace.engine.snapshot import write_snapshot
from unif2ace.engine.weights import BUILTIN, read_header
from unif2ace.errors import ConfigError
from unif2ace.evaluation.evaluator import load_evaluator
from unif2ace.inference.generated import Generated, save_faces
from unif2ace.inference.loading import load_model as load
from unif2ace.inference.shown_commands import shown_commands


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = make_run(tmp_path)
    write_snapshot(compose("release", []), run)
    argv = [
        "unif2ace-train",
        "experiment=unified/synthetic",
        f"image_tokenizer={tmp_path}/tokenizer",
        "ckpt=/x/last.ckpt",
    ]
    (run / "environment.json").write_text(json.dumps({"argv": argv}), encoding="utf-8")
    (run / "evaluation").mkdir()
    found = {"values": {"agreement": 0.5}, "intervals": {"agreement": [0.4, 0.6]}, "pictures": 7, "split": "val",
             "evaluator": {"fingerprint": "f" * 64}, "options": {"caption": "long"}}  # fmt: skip
    (run / "evaluation" / "evaluation.json").write_text(json.dumps(found), encoding="utf-8")
    return run


def test_the_command_writes_a_folder_that_opens_elsewhere(run: Path, tmp_path: Path):
    words = [str(run), f"folder={tmp_path}/out", "title=Tiny faces", "license=CC0-1.0"]
    environment = os.environ | {"UNIF2ACE_ROOT": str(tmp_path)}
    done = run_warm(["-m", "unif2ace.commands.release", *words], cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "unified.safetensors" in done.stdout
    for name in ("tokenizer", "attributes", "unified"):
        (tmp_path / name).rename(tmp_path / f"{name}-gone")
    model = load(tmp_path / "out", device="cpu")
    assert model.generate("A woman.").shape == (1, 3, 32, 32)
    assert len(model.caption(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), max_new=2)) == 1


def test_nothing_of_the_machine_is_in_it(run: Path, tmp_path: Path):
    release.release(compose("release", [f"ckpt={run}", f"folder={tmp_path}/out"]))
    assert not [f.name for f in (tmp_path / "out").iterdir() if str(tmp_path).encode() in f.read_bytes()]


def test_the_card_has_the_commands_and_the_scores(run: Path, tmp_path: Path):
    release.release(compose("release", [f"ckpt={run}", f"folder={tmp_path}/out", "title=Tiny faces", "notes=Small."]))
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert card.partition("---\n# ")[2].startswith("Tiny faces\n")
    assert f"unif2ace-train experiment=unified/synthetic image_tokenizer={tmp_path.name}/tokenizer\n" in card
    assert "| 0.500 | 0.400 to 0.600 |" in card
    assert card.endswith("## Notes\nSmall.\n")


def test_a_picture_leads_to_the_card_of_its_model(run: Path, tmp_path: Path):
    release.release(compose("release", [f"ckpt={run}", f"folder={tmp_path}/out"]))
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    model, trained = load(tmp_path / "out", device="cpu"), load(run, device="cpu")
    assert model.fingerprint != trained.fingerprint  # another precision
    files = save_faces([Generated(np.zeros((4, 4, 3), np.uint8), "A man.", 0)], tmp_path / "faces", model.fingerprint)
    assert f" | {Image.open(files[0]).text['checkpoint'][:SHOWN]} | {trained.fingerprint[:SHOWN]} |" in card
    for kind, part in model.release.components.items():
        assert f"| {part.short} | {trained.release.components[kind].short} |" in card
    release.release(compose("release", [f"ckpt={tmp_path}/out", f"folder={tmp_path}/again"]))
    again = load(tmp_path / "again", device="cpu")
    assert again.release.unified.trained_as == trained.fingerprint


def test_the_packages_card_names_its_files():
    card = (BUILTIN / "card.md").read_text(encoding="utf-8")
    for kind in ("unified", "tokenizer", "attributes"):
        assert f" | {read_header(BUILTIN, kind)['fingerprint'][:SHOWN]} | " in card


def test_commands_are_shown_without_places(tmp_path: Path):
    typed = ["unif2ace-train 'dataset=[a,b]' a.folder=/home/me/data/faces resume=auto", "unif2ace-train a=1,/x/y/z"]
    weights = SimpleNamespace(path=tmp_path / "weights.safetensors", header={"commands": [*typed, typed[1]]})
    shown = ["unif2ace-train 'dataset=[a,b]' a.folder=data/faces", "unif2ace-train a=1,y/z"]
    assert shown_commands(weights) == shown


def test_a_folder_with_other_files_stays_as_it_is(run: Path, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigError, match="mine"):
        release.release(compose("release", [f"ckpt={run}", f"folder={tmp_path}/mine"]))
    for text in ("# My thesis\n", "---\ntitle: mine\n---\n# My thesis\n"):
        (tmp_path / "mine" / "README.md").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="holds files that are no"):
            release.release(compose("release", [f"ckpt={run}", f"folder={tmp_path}/mine"]))
        assert (tmp_path / "mine" / "README.md").read_text(encoding="utf-8") == text
    with pytest.raises(ConfigError, match="unif2ace-release logs"):
        release.release(compose("release", []))


def test_the_classifier_that_taught_the_tokenizer_is_no_evaluator(tmp_path: Path):
    run = make_run(tmp_path)
    used = load(run, device="cpu").release.components
    tokenizer, classifier = used["tokenizer"], used["attributes"]
    tokenizer.header["components"] = {"attributes": {"path": "x", "fingerprint": classifier.fingerprint}}
    with pytest.raises(ConfigError, match="tokenizer was trained with this classifier"):
        load_evaluator(classifier.path, {"tokenizer": tokenizer})
