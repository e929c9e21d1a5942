"""An exported data set can be imported again: the same pictures, texts, labels, persons and licenses."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from PIL import Image

from unif2ace.commands.data import VERBS
from unif2ace.commands.data_sharing import export
from unif2ace.data.build import BuildOptions, build_shards
from unif2ace.data.card import write_card
from unif2ace.data.export_formats.base import Export
from unif2ace.data.export_formats.conversations import ConversationsFormat
from unif2ace.data.export_formats.folder import FolderFormat
from unif2ace.data.export_formats.parquet import ParquetFormat
from unif2ace.data.shards import ShardReader, ShardWriter
from unif2ace.data.sources.base import SourceItem
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.engine import compose, instantiate
from unif2ace.errors import DataError

SAMPLES = 8
FORMATS = {
    "folder": FolderFormat,
    "conversations": ConversationsFormat,
    "parquet": lambda: ParquetFormat(rows_per_file=3),
}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "faces"
    source = SyntheticSource(SAMPLES, 32)
    build_shards(source, folder, BuildOptions(validation=0.5, num_questions=4, samples_per_shard=3, vocab_size=300))
    return folder


def as_read(item: SourceItem, person: str) -> tuple:
    origin = {k: v for k, v in item.provenance.items() if k not in ("file", "source")}
    return item.image.data, item.record, item.license, item.captions, item.questions, person, origin


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("split", ["train", "val"])
def test_an_export_is_read_back_with_the_same_samples(name: str, split: str, faces: Path, tmp_path: Path):
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra parquet: `make test-extras` runs this")
    form = FORMATS[name]()
    work = Export(faces, form)
    counts = work.write(tmp_path / "out")
    assert sum(counts.values()) == SAMPLES
    assert not work.faults
    command = VERBS["import"].syntax
    words = shlex.split(form.read_back(tmp_path / "out", split))[2:]
    line = command.split(command.overrides([*words, "folder=x"]))
    source = instantiate(compose(command.config, line.overrides).source)
    items = source.items(range(len(source)))
    back = {item.image.data: as_read(item, source.identity(n)) for n, item in enumerate(items)}
    assert len(back) == len(items) == counts[split]
    for sample in ShardReader(faces / split):
        data = sample.metadata
        captions = (data.caption, *data.captions)
        expected = (sample.image, data.record, data.license, captions, data.qa, data.identity, dict(data.provenance))
        assert back[sample.image] == expected


def test_what_is_in_the_output_folder_is_not_mixed_with(faces: Path, tmp_path: Path):
    (tmp_path / "old.json").touch()
    with pytest.raises(DataError, match=r"is not empty .old.json.: remove it, or give another folder"):
        Export(faces, FolderFormat()).write(tmp_path)


def test_conversations_are_what_llava_reads(faces: Path, tmp_path: Path):
    Export(faces, ConversationsFormat()).write(tmp_path)
    rows = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    for row in rows:
        turns = row["conversations"]
        assert [turn["from"] for turn in turns] == ["human", "gpt"] * (len(turns) // 2)
        assert [turn["value"].startswith("<image>\n") for turn in turns] == [True] + [False] * (len(turns) - 1)
        assert (tmp_path / row["image"]).is_file()


def test_the_command_writes_a_card_of_its_own_files(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    words = [f"folder={faces}", f"out={out}", "export_format=conversations", "title=Mine"]
    assert sum(export(compose("export_data", words)).values()) == SAMPLES
    head = yaml.safe_load((out / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert head["configs"][0]["data_files"][0] == {"split": "train", "path": "train.json"}
    assert (
        f"read it back: unif2ace-data import conversations source.path={out / 'train.json'}" in capsys.readouterr().out
    )


def test_a_card_says_where_data_come_from_and_shows_faces(faces: Path, tmp_path: Path):
    (tmp_path / "faces").mkdir()
    readme, picture = write_card(faces, tmp_path, title='A "set": faces', notes="By consent.")
    _, front, text = readme.read_text(encoding="utf-8").split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["license"] == "cc0-1.0"
    assert head["pretty_name"] == 'A "set": faces'
    assert head["size_categories"] == ["n<1K"]
    files = head["configs"][0]["data_files"]
    assert files == [{"split": "train", "path": "train/*.tar"}, {"split": "validation", "path": "val/*.tar"}]
    shown = ("| synthetic | CC0-1.0 | 8 |", "| gender | ", "| skin tone | ", "| smile | ", "while importing: nothing")
    for line in shown:
        assert line in text
    assert f"- captions: 0 of {SAMPLES} samples have those of their source" in text
    assert "By consent." in text
    with Image.open(picture) as image:
        assert image.width > 64


def test_a_card_tells_models_prompts_and_what_steps_left_out(faces: Path, tmp_path: Path):
    made_by = {"by": "m-7", "prompt": "abc123"}
    corrected = {"classifier": {"fingerprint": "f00"}, "edits": [{"attribute": "smile"}, {"attribute": "hat"}]}
    origin = {"steps": ["collect", "caption"], "from_source": ["questions"], "caption": made_by, "correct": corrected}
    with ShardWriter(tmp_path / "made" / "train", recipe={"step": "caption", "settings": {"model": "m-7"}}) as writer:
        for sample in ShardReader(faces / "train"):
            writer.write(replace(sample, metadata=replace(sample.metadata, license="of mine", provenance=origin)))
    number = len(ShardReader(tmp_path / "made" / "train"))
    lines = [{"outcome": "kept", "kept": 1}, {"outcome": "refused", "kept": 0}]
    journal = tmp_path / "made" / "train" / "shard-000000.journal.jsonl"
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "made" / "train" / "report.md").touch()
    (tmp_path / "made" / "faults.jsonl").write_text('{"cause": "missing", "key": ""}\n')
    text = write_card(tmp_path / "made")[0].read_text(encoding="utf-8")
    assert f"- `caption: by = m-7, prompt = abc123`: {number} samples" in text
    assert f"- `correct: classifier.fingerprint = f00`: {number} samples" in text
    assert f"- `correct` changed {2 * number} statements in {number} samples" in text
    assert f"- questions: {number} of {number} samples have those of their source" in text
    assert "- step `caption`, train: refused 1" in text
    assert "- while importing: missing 1" in text
    assert "[train/report.md](train/report.md)" in text
    assert "license: other\n" in text
