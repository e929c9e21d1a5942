"""Every command that writes into a folder refuses one that another process writes into."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from unif2ace.commands import (
    annotation,
    attributes,
    checkpoint,
    curation,
    data,
    data_sharing,
    edit,
    evaluate,
    generate,
    quickstart,
    release,
    report,
    train,
)
from unif2ace.engine import compose
from unif2ace.engine.command import Command, Work, run
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError

HOLD = """
import sys, time
from contextlib import ExitStack
from unif2ace.data.output_lock import output_lock
with ExitStack() as held:
    for folder in sys.argv[1:]:
        held.enter_context(output_lock(folder, "out"))
    print("held", flush=True)
    time.sleep(300)
"""


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that another process trains, with a folder of the same that another evaluation writes."""
    root = tmp_path_factory.mktemp("taken")
    run = root / "run"
    folders = (run, run / "evaluation", run / "checkpoints", run / "samples")
    process = subprocess.Popen([sys.executable, "-c", HOLD, *map(str, folders)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    (run / "weights.safetensors").touch()
    (run / "config.yaml").write_text("dataset: {shards: {folder: nowhere}}")
    (root / "faces" / "train").mkdir(parents=True)
    (root / "pictures").mkdir()
    (root / "pictures" / "a.png").touch()
    yield root
    process.kill()
    process.wait()


COMMANDS: dict[str, tuple[str, Work, str, list[str]]] = {
    "train": ("train", train.train, "run_dir", ["run_dir=run"]),
    "train, below": (
        "train",
        train.train,
        "run_dir",
        ["run_dir=new", "run_callbacks.checkpoint.folder=run/checkpoints"],
    ),
    "evaluate": ("evaluate", evaluate.evaluate, "out", ["ckpt=run", "kind=attributes"]),
    "score": ("evaluate", evaluate.evaluate, "out", ["ckpt=run", "kind=unified", "evaluator=run"]),
    "report": ("report", report.report, "out", ["runs=[run]", "out=run/page.html"]),
    "release": ("release", release.release, "folder", ["ckpt=other", "folder=run/evaluation"]),
    "attributes": ("attributes", attributes.attributes, "out", ["picture=x.png", "out=run/found.jsonl"]),
    "generate": ("generate", generate.generate, "out", ["prompt=[a face]", "out=run/samples"]),
    "generate in the run": ("generate", generate.generate, "out", ["prompt=[a face]", "out=run"]),
    "edit": ("edit", edit.edit, "out", ["picture=face.png", "prompt=smiling", "out=run"]),
    "quickstart": ("quickstart", quickstart.quickstart, "out", ["out=run"]),
    "convert": ("convert", checkpoint.convert, "out", ["run=other", "out=run/checkpoints/step-00000001"]),
    "import": ("import", checkpoint.import_weights, "out", ["importer=magvit", "weights=other", "out=run"]),
    "export": ("export", checkpoint.export_weights, "out", ["project=magvit", "ckpt=other", "out=run/x.safetensors"]),
    "retokenize": ("retokenize", checkpoint.retokenize, "out", ["ckpt=a", "text_tokenizer=b", "out=run"]),
    "merge": ("merge", checkpoint.merge, "out", ["adapters=a", "weights=b", "out=run/x.safetensors"]),
    "preview": ("preview", data.preview, "out", ["out=run"]),
    "roundtrip": ("roundtrip", data.roundtrip, "out", ["picture=x.png", "ckpt=other", "out=run/trip.png"]),
    "card": ("card", data_sharing.card, "out", ["folder=faces", "out=run"]),
    "push": ("push", data_sharing.push, "folder", ["folder=run", "name=ada/faces"]),
    "export data": ("export_data", data_sharing.export, "out", ["folder=faces", "out=run"]),
    "questions": ("questions", data_sharing.questions, "out", ["question_file.path=q.jsonl", "out=run/q.jsonl"]),
    "tokenize": ("tokenize", data.tokenize, "out", ["folder=faces", "ckpt=other", "out=run"]),
    "collect": (
        "collect",
        curation.collect,
        "folder",
        ["path=pictures", "folder=run", "detector=aligned", "license=x"],
    ),
    "caption data": ("caption_data", annotation.caption, "out", ["folder=faces", "out=run"]),
    "correct data": ("correct_data", annotation.correct, "out", ["folder=faces", "out=run"]),
    "ask data": ("ask_data", annotation.ask, "out", ["folder=faces", "out=run"]),
    "pipeline": ("pipeline", annotation.pipeline, "out", ["path=faces", "out=run", "steps=[caption]"]),
    "text tokenizer": ("text_tokenizer", data.text_tokenizer, "out", ["folder=faces", "out=run"]),
    "index": ("index", data.index, "folder", ["folder=run"]),
    "stats": ("stats", data.stats, "out", ["folder=faces", "out=run"]),
    "validate": ("validate", data.validate, "report", ["folder=faces", "report=run/report.json"]),
}


def _works(config: object) -> None:
    pytest.fail("it goes on beside another process")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_refuses_a_folder_that_another_process_writes(
    name: str, taken: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(taken)
    monkeypatch.setattr("unif2ace.engine.weights.read_weights", lambda *_: SimpleNamespace(component_fingerprint="0"))
    monkeypatch.setattr(data, "token_splits", lambda _: [""])
    monkeypatch.setattr("unif2ace.data.shards.statistics.collect_statistics", lambda *_, **__: None)
    checks = importlib.import_module("unif2ace.data.shards.validate")  # the package has a function of this name
    monkeypatch.setattr(checks, "validate", lambda *_, **__: SimpleNamespace(to_json=str, to_text=str, ok=True))
    monkeypatch.setattr(train, "_train", _works)
    monkeypatch.setattr(quickstart, "_stages", _works)
    monkeypatch.setattr("unif2ace.data.export_formats.base.open_splits", lambda _: {})
    line = {"question_id": "q", "question_type": "OEQ", "image_id": "x.png", "text": "Who?", "gt_answer": "One."}
    Path("q.jsonl").write_text(json.dumps(line))
    Image.new("RGB", (8, 8)).save("x.png")
    config, work, key, words = COMMANDS[name]
    with pytest.raises(ConfigError, match=rf"is in use by process \d+ on .* another {key}="):
        work(compose(config, words))


def test_every_command_that_writes_is_tried():
    writing = {f.stem for f in Path("configs").glob("*.yaml")} - {"ask", "caption", "checkpoint", "compare", "demo"}
    shared = {"build", "table"}  # a second build waits for the first; parts of a table share it, cell by cell
    assert {config for config, *_ in COMMANDS.values()} == writing - shared


def test_a_run_is_evaluated_while_it_trains(taken: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(taken)
    monkeypatch.setattr(evaluate, "_measure", lambda config: Path(config.out).is_dir())
    assert evaluate.evaluate(compose("evaluate", ["ckpt=run", "kind=attributes", "out=run/again"]))


@pytest.mark.parametrize("place", ["file/run", "/proc/nowhere/run", "run"])
def test_a_run_folder_that_cannot_be_written_is_told_in_one_line(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "run" / "train.log").mkdir(parents=True)  # the log cannot be written
    monkeypatch.setattr(sys, "argv", ["unif2ace-train", f"run_dir={place}"])
    with pytest.raises(SystemExit) as stopped:
        run(Command(_works, Syntax("unif2ace-train", "train")))
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot write ")
    assert "run_dir=" in line
