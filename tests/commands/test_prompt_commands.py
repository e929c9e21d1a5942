"""Positional arguments on the command lines of generate, caption and ask; what they write."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from warm_process import run_warm

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))
from tiny_release import make_run

from unif2ace.commands import ask, caption, generate
from unif2ace.data.roundtrip import keep_inputs
from unif2ace.engine import compose
from unif2ace.errors import ConfigError

HARD = 'A woman, "tall"; it\'s (x=1) {a: b} 50% \\ $5'


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("commands"))


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "my face.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)).save(path)
    return path


def _call(name: str, folder: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"UNIF2ACE_ROOT": str(folder)}
    return run_warm(["-m", f"unif2ace.commands.{name}", *words], cwd=folder, env=environment, given=given)


@pytest.mark.parametrize("prompt", [HARD, "null", "true", "12", "a, b", "it's 'quoted\\\\' \\", "${seed} of a = b"])
def test_any_prompt_reaches_the_model_as_typed(prompt: str):
    words = generate.COMMAND.syntax.overrides(["n=2", prompt, "another"])
    assert list(compose("generate", words).prompt) == [prompt, "another"]


def test_a_dash_reads_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("one face\n\n two faces\n"))
    words = generate.COMMAND.syntax.overrides(["-", "seed=3"])
    assert [p.strip() for p in compose("generate", words).prompt] == ["one face", "two faces"]


def test_words_of_ask_and_caption():
    words = ask.COMMAND.syntax.overrides(["a b.png", "Is she, he, or it?", "max_new=3"])
    config = compose("ask", words)
    assert (list(config.picture), config.question, config.max_new) == (["a b.png"], "Is she, he, or it?", 3)
    words = caption.COMMAND.syntax.overrides(["a.png", "b c.png"])
    assert list(compose("caption", words).picture) == ["a.png", "b c.png"]


def test_faces_are_written_with_what_made_them(run: Path, tmp_path: Path):
    out = tmp_path / "faces"
    words = [HARD, "Yes.", "n=2", "seed=5", f"ckpt={run}", f"out={out}", "sampler.steps=2", "best_of=2"]
    done = _call("generate", tmp_path, *words)
    assert done.returncode == 0, done.stderr[-2000:]
    files = sorted(out.glob("0*.png"))
    assert [f.name for f in files] == ["000-seed5.png", "001-seed6.png", "002-seed7.png", "003-seed8.png"]
    text = Image.open(files[1]).text
    assert (text["generated"], text["prompt"], text["seed"], len(text["checkpoint"])) == ("yes", HARD, "6", 64)
    assert (json.loads(text["sampler"])["steps"], text["guidance"], text["best_of"]) == (2, "2", "2")
    assert Image.open(out / "sheet.png").size[0] > 2 * 32 * 4


def test_a_region_of_a_picture_is_drawn_anew_and_the_rest_stays(run: Path, picture: Path, tmp_path: Path):
    words = ["Yes.", f"picture={picture}", "region=[0,0.5,1,1]", f"ckpt={run}", f"out={tmp_path}", "sampler.steps=2"]
    done = _call("generate", tmp_path, *words)
    assert done.returncode == 0, done.stderr[-2000:]
    wrong = _call("generate", tmp_path, "Yes.", f"picture={picture}", "region=[0,1,1,0.5]", f"ckpt={run}")
    assert wrong.returncode == 1
    assert "region=" in wrong.stderr


def test_answers_and_captions_are_printed(run: Path, picture: Path, tmp_path: Path):
    done = _call("ask", tmp_path, str(picture), "Is he wearing glasses?", "choices=[Yes,No]", f"ckpt={run}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Yes " in done.stdout
    assert "%" in done.stdout
    assert "cut to its middle 40x40" in done.stdout
    done = _call("caption", tmp_path, str(picture), f"ckpt={run}", "max_new=4", f"out={tmp_path / 'sheet.png'}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "sheet.png").is_file()


def test_attributes_are_printed_and_written(run: Path, picture: Path, tmp_path: Path):
    out = tmp_path / "found.jsonl"
    done = _call("attributes", tmp_path, str(picture), f"ckpt={run}", "threshold=0", f"out={out}")
    assert done.returncode == 0, done.stderr[-2000:]
    (row,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert len(row["attributes"]) == done.stdout.count("%") == 46
    assert "\nmy face.png (56x40, cut to its middle 40x40, resized to 32x32): " in "\n" + done.stdout


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("generate", ["ckpt={run}"], "prompt is missing"),
        ("generate", ["Yes.", "n=0", "ckpt={run}"], "n=0"),
        ("generate", ["Yes.", "ckpt=nowhere"], "nowhere"),
        ("generate", ["Yes.", "region=[0,0,1,1]", "ckpt={run}"], "has no effect without a picture"),
        ("generate", ["Yes.", "mask_ratio=0.3", "ckpt={run}"], "has no effect without a picture"),
        ("caption", ["ckpt={run}"], "unif2ace-caption needs a picture"),
        ("ask", ["nowhere.png", "Who?", "ckpt={run}"], "nowhere.png"),
        ("ask", ["nowhere.png", "ckpt={run}"], 'needs a question: `unif2ace-ask face.png "Is she wearing glasses?"`'),
    ],
)
def test_what_is_missing_is_named(name: str, words: list[str], says: str, run: Path, tmp_path: Path):
    done = _call(name, tmp_path, *(w.format(run=run) for w in words))
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_picture_that_is_read_is_not_overwritten(picture: Path, tmp_path: Path):
    keep_inputs([picture], tmp_path / "new.png")
    with pytest.raises(ConfigError, match="would overwrite an input picture"):
        keep_inputs([picture], picture)
