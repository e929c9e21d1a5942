"""Question files of benchmarks: three rows of the published layout each, with kinds, answers, pictures and faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from unif2ace.commands.data_sharing import questions
from unif2ace.data.question_files.base import NOT_VISIBLE
from unif2ace.data.question_files.conversations import ConversationsFile
from unif2ace.data.question_files.face_bench import DIRECTLY, FaceBenchFile
from unif2ace.data.question_files.face_human_bench import FaceHumanBenchFile
from unif2ace.data.question_files.facexbench import FaceXBenchFile
from unif2ace.engine import compose
from unif2ace.errors import ConfigError, DataError


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def bench_row(
    number: int, kind: str, answer: Any, options: list[str], followers: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "question_id": f"beard_q{number}",
        "question_type": kind,
        "image_id": "test-CelebA-HQ-7.jpg",
        "text": f"Question {number}?",
        "instruction": "Choose.",
        "options": options,
        "conditions": {"option Y": list(followers), "option N": []},
        "gt_answer": answer,
        "metadata": {"image_source": "CelebA-HQ", "view": "Appearance", "attribute_level": "level 1"},
    }


BENCH = [
    bench_row(0, "TFQ", "Yes", ["Yes", "No", NOT_VISIBLE], ("beard_q1",)),
    bench_row(1, "MCQ", ["Long", "dense"], ["Long", "Dense", "Grey"]),
    bench_row(2, "TFQ", NOT_VISIBLE, ["Yes", "No", NOT_VISIBLE]),
    bench_row(3, "OEQ", "Black", []),
]


def face_bench(root: Path, rows: list[dict[str, Any]] = BENCH) -> FaceBenchFile:
    picture(root / "images" / "test-CelebA-HQ-7.jpg")
    (root / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8-sig")
    return FaceBenchFile(str(root / "test.jsonl"))


def test_face_bench_has_four_kinds_follow_ups_and_the_answer_not_visible(tmp_path: Path):
    found = face_bench(tmp_path)
    first, second, third, fourth = found.items
    assert [item.kind for item in found.items] == ["yes_no", "multiple", "yes_no", "open"]
    assert first.answers == ("Yes",)
    assert first.prompt == f"Question 0?\nYes\nNo\n{NOT_VISIBLE}\nChoose.{DIRECTLY}"
    assert second.answers == ("Long", "Dense")
    assert second.after == (first.key, "Yes")
    assert third.not_visible
    assert not first.not_visible
    assert third.options[2] == NOT_VISIBLE
    assert fourth.options == ()
    assert first.images == (tmp_path / "images" / "test-CelebA-HQ-7.jpg",)
    assert first.category == ("Appearance", "level 1")
    assert "right answer 'Information not visible': 1" in found.report().lines
    assert found.describe()["questions"] == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gt_answer": "Maybe"}, r"test.jsonl:2: the answer 'Maybe' is not one of the options Yes, No"),
        ({"gt_answer": ["Yes", "No"]}, "must have one correct answer, not Yes, No"),
        ({"gt_answer": ""}, "no 'gt_answer'"),
        ({"question_type": "TQF"}, "'TQF' is not one of TFQ.*did you mean 'TFQ'"),
        ({"image_id": "other.jpg"}, "no picture 'other.jpg'"),
        ({"options": ["Yes", "Yes"]}, "given twice"),
        ({"options": []}, "has no options"),
    ],
)
def test_a_faulty_question_is_left_out_and_told(tmp_path: Path, changes: dict[str, Any], message: str):
    found = face_bench(tmp_path, [BENCH[0], {**BENCH[2], **changes}])
    assert len(found) == 1
    (fault,) = found.report().faults
    with pytest.raises(DataError, match=message):
        raise fault
    assert found.describe()["left_out"] == 1


def test_a_question_that_is_there_twice_is_told(tmp_path: Path):
    assert "occurs before, at test.jsonl:1" in face_bench(tmp_path, [BENCH[0], BENCH[0]]).report().faults[0].message


def human_bench(root: Path, **options: Any) -> FaceHumanBenchFile:
    for name in ("cropped/7.jpg", "raw/000007.jpg"):
        picture(root / "images" / name)
    paths = {"cropped": "cropped/7.jpg", "original": "original/7.jpg"}
    source = {"dataset": "CelebA", "paths": {"original": "CelebA/000007.jpg"}, "labels": {}}
    row = {
        "type": "face_attribute_compound",
        "QA": {"question": "Which is right?", "options": ["A beard", "A hat", "Neither"], "answer": 1},
        "image": {"image_paths": paths, "source": source},
    }
    wrong = {**row, "QA": {**row["QA"], "answer": 3}}
    folder = root / "json"
    folder.mkdir()
    (folder / "face_attribute_compound.json").write_text(json.dumps({"data": [row, wrong, {"type": "x"}]}))
    (folder / "human_action_basic.json").write_text(json.dumps({"data": [row]}))
    return FaceHumanBenchFile(str(folder), str(root / "images"), **options)


def test_face_human_bench_gives_letters_and_finds_the_original_by_its_data_set(tmp_path: Path):
    found = human_bench(tmp_path, version="original")
    (item,) = found.items
    assert item.answers == ("A hat",)
    assert item.letters == ("B",)
    assert item.lettered
    assert item.prompt.startswith("Question: Which is right?\nA. A beard\nB. A hat\n")
    assert item.images == (tmp_path / "images" / "raw" / "000007.jpg",)
    assert [fault.cause for fault in found.report().faults] == ["schema", "schema"]
    assert "answer 3 is not an index of its 3 options" in found.report().faults[0].message


def test_settings_of_face_human_bench_are_checked(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"question_file.version=croped: it must be original or cropped"):
        human_bench(tmp_path, version="croped")
    with pytest.raises(DataError, match=r"question_file.subset=faze.*face_attribute_compound"):
        FaceHumanBenchFile(str(tmp_path / "json"), str(tmp_path / "images"), subset="faze")


def facex(root: Path, category: str = "fas_deepfakes", **changes: Any) -> FaceXBenchFile:
    for number in range(3):
        picture(root / "images" / f"{number}.png")
    options = ["One", "Two", "Three", "Four"]
    question = {"question_text": "How many?", "options": options, "correct_answer_option": "C", "answer": "Three"}
    one, two = ["images/0.png"], ["images/1.png", "images/2.png"]
    rows = {"1": {**question, "image_paths": one, **changes}, "2": {**question, "image_paths": two}}
    tree = {
        "category": category,
        "sub-category": "deepfakes",
        "dataset": "FF++",
        "question_type": "MCQ",
        "num_images": "multiple",
        "context": "Tools.",
        "prepend_text": "You see faces.",
        "postpend_text": "Give the letter.",
        "questions": rows,
    }
    (root / "deepfakes.json").write_text(json.dumps(tree))
    return FaceXBenchFile(str(root))


def test_facexbench_keeps_questions_about_several_pictures_and_marks_them(tmp_path: Path):
    found = facex(tmp_path)
    one, two = found.items
    assert one.single_image
    assert not two.single_image
    assert [path.name for path in two.images] == ["1.png", "2.png"]
    assert "about one picture: 1; about several: 1" in found.report().lines
    assert found.describe()["several_images"] == 1
    assert one.letters == ("C",)
    assert one.prompt == "How many?\nGive the letter.\n(A) One\n(B) Two\n(C) Three\n(D) Four"
    assert one.category == ("fas_deepfakes", "deepfakes", "FF++")


def test_facexbench_shows_the_tools_and_refuses_an_answer_that_is_another_option(tmp_path: Path):
    found = facex(tmp_path, "tools_use", answer="Two")
    (item,) = found.items
    assert item.prompt.startswith("Tools.\nHow many?")
    assert "option C is 'Three', but the answer is 'Two'" in found.report().faults[0].message


def test_conversations_are_questions_with_reference_answers(tmp_path: Path):
    picture(tmp_path / "a.png")
    turns = [
        {"from": "human", "value": "<image>\nIs he smiling?"},
        {"from": "gpt", "value": "Yes."},
        {"from": "human", "value": "Why?"},
        {"from": "gpt", "value": "He is happy."},
    ]
    named = (("x", "a.png", turns), ("y", "b.png", turns[:1]))
    rows = [{"id": name, "image": image, "conversations": said} for name, image, said in named]
    (tmp_path / "c.json").write_text(json.dumps(rows))
    found = ConversationsFile(str(tmp_path / "c.json"))
    first, second = found.items
    assert (first.question, first.kind, first.answers) == ("Is he smiling?", "yes_no", ("Yes",))
    assert (second.kind, second.answers, second.options) == ("open", ("He is happy.",), ())
    assert "has no answer" in found.report().faults[0].message


def test_the_command_writes_questions_as_they_are_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    face_bench(tmp_path)
    out = tmp_path / "q.jsonl"
    words = ["question_file=face_bench", f"question_file.path={tmp_path / 'test.jsonl'}", f"out={out}"]
    assert questions(compose("questions", words)) == 4
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[2]["answers"] == [NOT_VISIBLE]
    assert rows[1]["after"] == ["test-CelebA-HQ-7.jpg/beard_q0", "Yes"]
    assert rows[0]["images"] == [str(tmp_path / "images" / "test-CelebA-HQ-7.jpg")]
    assert "kinds: 2 yes_no, 1 multiple, 1 open" in capsys.readouterr().out
