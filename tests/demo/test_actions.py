"""What the demo's page does, without a page: results are marked, hostile inputs are refused in plain words."""

from __future__ import annotations

import io
import os
import threading
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from unif2ace.demo.actions import DemoActions
from unif2ace.demo.attribute_choices import CHOICES, TOGGLES, options, prompt_of
from unif2ace.demo.limits import Limits
from unif2ace.demo.marked_files import MarkedFiles
from unif2ace.demo.steps import reported
from unif2ace.errors import ConfigError, DataError
from unif2ace.language.reading import read_text


@dataclass
class Pipe:
    """Stands for a pipeline: gray faces, and answers that repeat the question."""

    model: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(fingerprint="f" * 64))
    busy: int = 0
    most: int = 0

    def __call__(self, prompt, *, num_images, seed, num_inference_steps, callback_on_step_end, **more):
        self.busy += 1
        self.most = max(self.most, self.busy)
        images = [Image.new("RGB", (8, 8), "gray")] * num_images
        for step in range(num_inference_steps):
            callback_on_step_end(self, step, 0.0, {"images": images})
            time.sleep(0.001)
        self.busy -= 1
        seeds = [seed + n for n in range(num_images)]
        return SimpleNamespace(images=images, seeds=seeds, settings={"guidance": f"{more['guidance_scale']:g}"})

    def caption(self, image, *, length):
        return f"A {length} caption."

    def ask(self, image, question):
        return f"{question}!"

    def edit(self, image, prompt, mask, **more):
        self.mask = mask
        face = [Image.new("RGB", (8, 8))]
        return SimpleNamespace(pictures=face, regions=face, images=face, notes=("glasses",), settings={"edit": "yes"})


@pytest.fixture
def actions() -> DemoActions:
    made = DemoActions(Pipe())
    yield made
    made.files.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (30, 20), "white").save(tmp_path / "face.png")
    return tmp_path / "face.png"


def test_the_steps_are_shown_as_they_come_and_the_results_are_marked(actions: DemoActions):
    shown = list(actions.generate("a woman", faces=2, seed=7, steps=3, guidance=2.5))
    assert [one.done for one in shown] == [False, False, False, True]
    assert [one.text for one in shown] == ["step 1 of 3", "step 2 of 3", "step 3 of 3", "2 generated"]
    for number, (path, caption) in enumerate(shown[-1].pictures):
        text = Image.open(path).text
        assert (text["generated"], text["prompt"], text["seed"]) == ("yes", "a woman", str(7 + number))
        assert (text["guidance"], text["checkpoint"]) == ("2.5", "f" * 64)
        assert path.name.startswith("generated-")
        assert caption == f"generated, seed {7 + number}"
    assert Image.open(shown[0].pictures[0][0]).text["generated"] == "yes"


def test_pictures_are_described_asked_about_and_edited(actions: DemoActions, picture: Path):
    assert actions.caption(picture, "short") == "A short caption."
    assert actions.ask(picture, " Is he old? ") == "Is he old?!"
    shown = actions.edit(picture, "with glasses")
    assert [caption for _, caption in shown.pictures] == ["picture", "region", "generated"]
    assert all(Image.open(path).text["generated"] == "yes" for path, _ in shown.pictures)


def bomb(folder: Path) -> Path:
    """A PNG of some hundred bytes that says it has 60000 x 60000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (60000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 9999))
        + chunk(b"IEND", b"")
    )
    (folder / "bomb.png").write_bytes(data)
    return folder / "bomb.png"


def large(folder: Path) -> Path:
    with (folder / "large.png").open("wb") as file:
        file.truncate(50_000_000)
    return folder / "large.png"


def page(folder: Path) -> Path:
    (folder / "page.png").write_text("<html><script>alert(1)</script></html>")
    return folder / "page.png"


def wide(folder: Path) -> Path:
    Image.new("1", (6000, 5000)).save(folder / "wide.png")
    return folder / "wide.png"


def cut(folder: Path) -> Path:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(buffer, "PNG")
    (folder / "cut.png").write_bytes(buffer.getvalue()[:20])
    return folder / "cut.png"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bomb, "far more than the limit of 24 megapixels"),
        (large, r"50.0 MB, the limit is 10 MB"),
        (page, "not a readable image, or its content does not match its name"),
        (wide, "6000x5000 pixels, the limit is 24 megapixels"),
        (cut, "not a readable image"),
        (lambda folder: folder / "nothing.png", "not a readable image"),
        (lambda folder: None, "upload an image"),
    ],
)
def test_hostile_uploads_are_refused_before_they_are_decoded(actions: DemoActions, tmp_path: Path, make, message: str):
    file = make(tmp_path)
    for call in (
        actions.caption,
        lambda f: actions.ask(f, "Why?"),
        lambda f: actions.edit(f, "smiling"),
        actions.experts,
    ):
        with pytest.raises(DataError, match=message):
            call(file)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"prompt": "word " * 10_000}, "49,999 characters, the limit is 1,000"),
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": None}, "prompt is empty"),
        ({"faces": 1000}, "faces=1000: must be an integer from 1 to 4"),
        ({"steps": 0}, "steps=0"),
        ({"steps": 2.5}, "steps=2.5"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": float("nan")}, "seed=nan"),
        ({"seed": float("inf")}, "seed=inf"),
        ({"best_of": None}, "best_of=None"),
    ],
)
def test_inputs_out_of_range_are_refused_at_once(actions: DemoActions, inputs: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        actions.generate(**{"prompt": "a woman", **inputs})


def test_twenty_requests_at_once_use_the_model_one_after_another(actions: DemoActions):
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(list(actions.generate("a man", steps=2))[-1].text))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == ["1 generated"] * 20
    assert actions.pipe.most == 1


def test_an_error_of_the_work_reaches_the_page_after_its_reports():
    def work(report):
        report(1)
        raise ConfigError("too much")

    steps = reported(work)
    assert next(steps) == 1
    with pytest.raises(ConfigError, match="too much"):
        next(steps)


def test_old_files_are_deleted_and_all_with_the_page():
    files = MarkedFiles("c")
    first = files.save(Image.new("RGB", (4, 4)), {})
    os.utime(first, (0, 0))
    second = files.save(Image.new("RGB", (4, 4)), {"prompt": "ä ü 笑"})
    assert not first.exists()
    assert Image.open(second).text["prompt"] == "ä ü 笑"
    files.close()
    assert not files.folder.exists()


def test_toggles_write_a_prompt_that_states_them():
    prompt = prompt_of({"gender": "woman", "hair_colour": "red", "age": "any"}, ["smile", "hat"])
    stated = read_text(prompt).values
    assert {"gender": "woman", "hair_colour": "red", "smile": True, "hat": True}.items() <= stated.items()
    assert "age" not in stated
    assert prompt_of({}, [])
    assert all(prompt_of({name: value}, []) for name in CHOICES for value in options(name))
    assert all(read_text(prompt_of({}, [name])).values.get(name) is True for name in TOGGLES)
    with pytest.raises(ConfigError, match="did you mean 'smile'"):
        prompt_of({}, ["smiles"])


def test_limits_are_above_zero():
    with pytest.raises(ConfigError, match=r"limits.waiting=0"):
        Limits(waiting=0)
