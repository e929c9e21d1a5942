"""What single importers know of their data sets: labels of clips, numbers of CelebA-HQ, licenses, turns of talk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from layouts import CAPTIONS, LAYOUTS, QUESTIONS, save, turns

from unif2ace.data.build import BuildOptions, build_shards
from unif2ace.data.shards import ShardReader
from unif2ace.data.sources.celebv_hq import CelebVHQSource, clip_of, emotions
from unif2ace.data.sources.conversations import ConversationsSource
from unif2ace.data.sources.face2text import Face2TextSource
from unif2ace.data.sources.ffhq import FFHQSource, main_face
from unif2ace.data.sources.mm_celeba_hq import MMCelebAHQSource
from unif2ace.data.sources.questions import parse_exchanges
from unif2ace.errors import ConfigError, DataError

CLIPS = {"M2Ohb0FAaJU_1": 0, "M2Ohb0FAaJU_12": 0, "_0tf-n3rlJU_0": 0}


@pytest.mark.parametrize(
    ("file", "clip"),
    [
        ("M2Ohb0FAaJU_1.jpg", "M2Ohb0FAaJU_1"),
        ("M2Ohb0FAaJU_12.jpg", "M2Ohb0FAaJU_12"),
        ("frames/M2Ohb0FAaJU_1/0007.png", "M2Ohb0FAaJU_1"),
        ("M2Ohb0FAaJU_1_0007.png", "M2Ohb0FAaJU_1"),
        ("M2Ohb0FAaJU_12_1.png", "M2Ohb0FAaJU_12"),
        ("_0tf-n3rlJU_0-3.png", "_0tf-n3rlJU_0"),
        ("M2Ohb0FAaJU.jpg", None),
        ("M2Ohb0FAaJU_123.jpg", None),
    ],
)
def test_a_frame_belongs_to_the_clip_in_its_path(file: str, clip: str | None):
    assert clip_of(file, CLIPS) == clip


def test_an_emotion_is_known_if_the_clip_has_only_one():
    assert emotions({"sep_flag": False, "labels": "happy"})["happy"] is True
    several = emotions({"sep_flag": True, "labels": [{"emotion": "happy"}, {"emotion": "fear"}]})
    assert (several["happy"], several["fear"], several["anger"]) == (None, None, False)
    with pytest.raises(DataError, match=r"'hapy' is unknown .did you mean 'happy'"):
        emotions({"labels": "hapy"})


def test_an_action_that_may_be_over_in_the_frame_is_unknown(tmp_path: Path):
    root = LAYOUTS["celebv_hq"].make(tmp_path)
    record = CelebVHQSource(path=str(root)).record(0)
    assert (record["smile"], record["mouth_open"], record["gender"], record["bald"]) == (True, None, "man", False)
    assert CelebVHQSource(path=str(root), momentary_actions=[]).record(0)["mouth_open"] is True
    with pytest.raises(ConfigError, match=r"'tlak' is not an action of CelebV-HQ .did you mean 'talk'"):
        CelebVHQSource(path=str(root), momentary_actions=["tlak"])


def test_frames_are_taken_evenly_and_share_a_person(tmp_path: Path):
    root = LAYOUTS["celebv_hq"].make(tmp_path, 1)
    (root / "frames" / "M2Ohb0FAaJU_0.jpg").unlink()
    for number in range(5):
        save(root / "frames" / "M2Ohb0FAaJU_0" / f"{number}.jpg", number)
    (middle,) = CelebVHQSource(path=str(root)).items([0])
    assert middle.provenance["file"] == "frames/M2Ohb0FAaJU_0/2.jpg"
    source = CelebVHQSource(path=str(root), frames_per_clip=None)
    assert len(source) == 5
    assert {source.identity(n) for n in range(5)} == {"video0"}
    assert "frames: 5 of 5 used" in "\n".join(source.report().lines)


def test_labels_of_another_length_are_a_fault_that_names_the_clip(tmp_path: Path):
    root = LAYOUTS["celebv_hq"].make(tmp_path)
    tree = json.loads((root / "celebvhq_info.json").read_text())
    tree["clips"]["M2Ohb0FAaJU_2"]["attributes"]["action"] = [1]
    (root / "celebvhq_info.json").write_text(json.dumps(tree))
    (fault,) = CelebVHQSource(path=str(root)).report().faults
    assert "clip 'M2Ohb0FAaJU_2': action must have 2 values of 0 or 1, one per label; it has 1" in fault.message


def test_each_picture_of_ffhq_has_its_own_license(tmp_path: Path):
    root = LAYOUTS["ffhq"].make(tmp_path)
    stated = {"license": "Attribution License", "license_url": "https://x.org/by", "author": "A. Person"}
    (root / "ffhq-dataset-v2.json").write_text(json.dumps({"1": {"category": "training", "metadata": stated}, "9": {}}))
    first, second = FFHQSource(path=str(root)).items([0, 1])
    assert first.license == "CC-BY-NC-SA-4.0"
    assert second.license == "Attribution License https://x.org/by"
    assert second.provenance["author"] == "A. Person"
    assert second.record["smile"] is True


def test_the_largest_face_counts():
    faces = [{"faceRectangle": {"width": w, "height": w}, "faceAttributes": {"age": w}} for w in (3, 9, 5)]
    assert main_face(faces) == {"age": 9}
    assert main_face([]) == {}
    with pytest.raises(DataError, match="not a list of faces"):
        main_face(["x"])


def test_celeba_hq_has_labels_by_its_own_numbers_and_persons_by_those_of_celeba(tmp_path: Path):
    root = LAYOUTS["mm_celeba_hq"].make(tmp_path)
    rows = [f"{n}.jpg {'1' if n else '-1'} 1" for n in range(6)]  # two of them are not here
    (root / "CelebAMask-HQ-attribute-anno.txt").write_text("\n".join(["6", "Male Wearing_Necktie", *rows]))
    mapping = ["idx orig_idx orig_file", *(f"{n} {n + 7} {n + 8:06d}.jpg" for n in range(4))]
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(mapping))
    (root / "identity_CelebA.txt").write_text("".join(f"{n + 8:06d}.jpg {n // 2}\n" for n in range(4)))
    source = MMCelebAHQSource(path=str(root))
    assert [source.record(n)["gender"] for n in range(4)] == ["woman", "man", "man", "man"]
    assert {source.record(n)["necktie"] for n in range(4)} == {None}
    assert [source.identity(n) for n in range(4)] == ["celeba_0", "celeba_0", "celeba_1", "celeba_1"]
    assert MMCelebAHQSource(path=str(root), hide=[]).record(1)["necktie"] is True
    assert source.items([0])[0].captions == (CAPTIONS[0], "A woman.")


def test_all_descriptions_of_a_picture_are_kept(tmp_path: Path):
    root = LAYOUTS["face2text"].make(tmp_path)
    again = [{"filename": "000001.jpg", "description": "Another one."}, {"filename": "000001.jpg", "description": "7"}]
    (root / "clean_dev_2.1.json").write_text(json.dumps(again))
    source = Face2TextSource(path=str(root), size=32)
    assert sorted(source.items([0])[0].captions) == sorted([CAPTIONS[0], "Another one."])
    assert "'7' is not a caption" in source.report().faults[0].message
    assert "rows merged: 1 pictures have more than one row" in source.report().lines


def test_turns_about_several_pictures_or_none_are_left_out(tmp_path: Path):
    save(tmp_path / "a.jpg", 0)
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    said.append({"role": "assistant", "content": [{"type": "text", "text": "Because."}]})
    rows = [
        {"images": ["a.jpg"], "messages": said},
        {"images": [], "messages": said},
        {"images": ["a.jpg", "b.jpg"], "messages": said},
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = ConversationsSource(path=str(tmp_path), license="CC0-1.0")
    assert [(q.question, q.answer) for q in source.items([0])[0].questions] == [("Why?", "Because.")]
    messages = [fault.message for fault in source.report().faults]
    assert messages == [
        f"c.jsonl:{n}: the conversation names {m}, but must name exactly one"
        for n, m in ((2, "no picture"), (3, "2 pictures"))
    ]


def test_texts_of_a_source_reach_the_shards_unchanged(tmp_path: Path):
    layout = LAYOUTS["conversations"]
    source = layout.read(layout.make(tmp_path / "given"))
    build_shards(source, tmp_path / "faces", BuildOptions(validation=0, vocab_size=300))
    samples = list(ShardReader(tmp_path / "faces" / "train"))
    assert [sample.metadata.caption for sample in samples] == CAPTIONS[:4]
    for sample in samples:
        data = sample.metadata
        assert [(q.question, q.answer) for q in data.qa] == QUESTIONS
        assert data.provenance["from_source"] == ["captions", "questions"]
        assert data.provenance["steps"] == ["collect", "caption", "ask"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (turns(0)[:3], "the last question 'Is this person smiling[?]' has no answer"),
        ([turns(0)[1]], "turn 1 is from 'gpt'; questions and answers must alternate"),
        ([{"from": "nobody", "value": "x"}], "turn 1 is from 'nobody'; it must be from human, gpt or system"),
        ([{"question": "Why?"}], "has no answer"),
        (["Why?"], "is not a question with an answer"),
        ("Why?", "is not a JSON list of questions"),
        (7, "is not a list of questions"),
    ],
)
def test_what_is_no_question_with_an_answer_is_told(cell: object, message: str):
    with pytest.raises(DataError, match=message):
        parse_exchanges(cell)
