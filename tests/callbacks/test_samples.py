"""Faces and answers after each validation."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import observed_run
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unif2ace.callbacks.ema import EMA
from unif2ace.callbacks.sample_sheets import Drawn, SampleAnswer, answers_sheet, as_table, faces_sheet
from unif2ace.callbacks.samples import Samples, _Rows
from unif2ace.errors import ConfigError
from unif2ace.loggers.media import markdown_table
from unif2ace.loggers.tensorboard import TensorBoardLogger
from unif2ace.nets.transformer.decoding_text import GeneratedText
from unif2ace.nets.transformer.face_decoder import FaceDecoder
from unif2ace.sequence.conversation import join_turns
from unif2ace.types import Batch, Task


def _samples(tmp_path: Path, **options: Any) -> Samples:
    return Samples(
        tmp_path / "samples", **{"prompts": 3, "seeds": 2, "questions": 2, "instruction": "w3 w4", **options}
    )


class _Weights(pl.Callback):
    """Notes the weights with which faces are drawn, and how often validation ran."""

    def __init__(self, samples: Samples) -> None:
        self.seen: list[torch.Tensor] = []
        self.drawn: list[Any] = []
        draw = samples._draw

        def noting(trainer: pl.Trainer, module: Any, rows: Any) -> Any:
            self.seen.append(module.net.embedding.weight.detach().clone())
            self.drawn.append((rows, draw(trainer, module, rows)))
            return self.drawn[-1][1]

        samples._draw = noting


def test_files_and_events(tmp_path: Path):
    logger = TensorBoardLogger(str(tmp_path))
    observed_run.fit([_samples(tmp_path)], logger=logger)
    names = ["answers-step-0000003.png", "faces-step-0000003.png"]
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == names
    assert all(np.asarray(Image.open(tmp_path / "samples" / name)).std() > 0 for name in names)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == ["val/faces", "val/answers"]
    (text,) = events.Tensors("val/answers/text_summary")
    said = text.tensor_proto.string_val[0].decode()
    assert said.splitlines()[0] == "| face | question | model | truth |"
    assert said.count("| w3 w4 |") == 2


def test_the_first_valid_rows_of_validation_are_drawn_from_and_no_others(tmp_path: Path):
    samples = _samples(tmp_path)
    notes = _Weights(samples)
    observed_run.fit([samples])
    ((rows, drawn),) = notes.drawn
    first = [observed_run.tiny.batch(100 + step) for step in range(2)]
    expected = [
        batch.text[row, : batch.text_length[row]].tolist()
        for batch in first
        for row in range(8)
        if batch.task[row] == Task.TEXT_TO_IMAGE and batch.valid[row]
    ]
    assert rows.prompts == expected[:3]
    assert [d.caption for d in drawn] == [observed_run.Text().decode(ids) for ids in expected[:3]]
    codes = first[0].image_ids[0] * 20
    np.testing.assert_array_equal(drawn[0].true[::4, ::4, 0].flatten(), codes)
    assert all(d.faces.shape == (2, 8, 8, 3) for d in drawn)


def test_what_is_asked_is_the_first_question_with_its_answer():
    ids, _, loss = join_turns([([5, 6], [7]), ([8], [9, 10]), ([11], [])], 1, 99)
    rows = torch.full((2, 20), 0), torch.zeros(2, 20, dtype=torch.bool)
    length = torch.tensor([len(ids), 6])  # the second asks nothing else
    for n, end in enumerate(length.tolist()):
        rows[0][n, :end], rows[1][n, :end] = torch.tensor(ids[:end]), torch.tensor(loss[:end])
    task = torch.full((2,), int(Task.UNDERSTANDING))
    batch = Batch(
        task, torch.arange(2), torch.ones(2, dtype=torch.bool), text=rows[0], text_length=length, text_loss=rows[1]
    )
    kept = _Rows()
    kept.keep(batch, Task.UNDERSTANDING, 2)
    assert kept.prompts == [[5, 6]] * 2
    assert kept.answers == [[7]] * 2


def test_it_draws_with_averaged_weights_whatever_the_order_of_callbacks(tmp_path: Path):
    drawn_with = []
    for ema_first in (True, False, None):
        samples = _samples(tmp_path)
        notes, made = _Weights(samples), observed_run.module()
        observed_run.fit({True: [EMA(0.9), samples], False: [samples, EMA(0.9)], None: [samples]}[ema_first], made=made)
        assert torch.equal(notes.seen[0], made.net.embedding.weight)  # averaged, at the end of an averaging run
        drawn_with += notes.seen
    assert torch.equal(drawn_with[0], drawn_with[1])
    assert not torch.equal(drawn_with[0], drawn_with[2])


def test_training_goes_on_as_without_it(tmp_path: Path):
    weights = []
    for callbacks in ([], [_samples(tmp_path)]):
        made = observed_run.module()
        pl.seed_everything(0, verbose=False)
        observed_run.fit(callbacks, made=made, max_steps=6, check_val_every_n_epoch=1)
        weights.append([p.detach().clone() for p in made.parameters()])
        weights[-1].append(torch.tensor([torch.rand(()), random.random(), np.random.rand()]))
    for one, other in zip(*weights, strict=True):
        assert torch.equal(one, other)


def test_what_has_not_ended_is_followed_by_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def answer(faces: FaceDecoder, codes: torch.Tensor, *_: Any, **__: Any) -> GeneratedText:
        rows = len(codes)
        ids, log_p = torch.full((rows, 2), 5), torch.zeros(rows, 2)
        return GeneratedText(ids, torch.full((rows,), 2), torch.arange(rows) % 2 == 0, log_p)

    monkeypatch.setattr(FaceDecoder, "answer", answer)
    samples, shown = _samples(tmp_path, instruction=None), []
    monkeypatch.setattr(samples, "_show", lambda trainer, drawn, answered: shown.append(answered))
    observed_run.fit([samples])
    text = observed_run.Text().decode([5, 5]).strip()
    assert [one.answer for one in shown[0]] == [text, f"{text} ..."]


def test_faces_are_the_same_at_every_validation_of_equal_weights(tmp_path: Path):
    samples = _samples(tmp_path)
    notes = _Weights(samples)
    made = observed_run.module()
    run = observed_run.fit([samples], made=made)
    observed_run.trainer([samples]).validate(made, datamodule=observed_run.Data(), verbose=False)
    assert run.global_step == 3
    for one, other in zip(notes.drawn[0][1], notes.drawn[1][1], strict=True):
        np.testing.assert_array_equal(one.faces, other.faces)


@pytest.mark.parametrize("options", [{"fast_dev_run": True}, {"limit_val_batches": 0}])
def test_a_trial_run_writes_nothing(tmp_path: Path, options: dict[str, Any]):
    observed_run.fit([_samples(tmp_path)], **options)
    assert not (tmp_path / "samples").exists()


@pytest.mark.parametrize(("off", "left"), [("prompts", "answers"), ("questions", "faces")])
def test_either_sheet_can_be_left_out(tmp_path: Path, off: str, left: str):
    observed_run.fit([_samples(tmp_path, **{off: 0})])
    assert [p.name for p in (tmp_path / "samples").iterdir()] == [f"{left}-step-0000003.png"]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_every_precision(tmp_path: Path, precision: str):
    observed_run.fit([_samples(tmp_path)], precision=precision)
    assert len([*(tmp_path / "samples").iterdir()]) == 2


def test_numbers_out_of_range():
    with pytest.raises(ConfigError, match="seeds=0"):
        Samples("x", seeds=0)
    with pytest.raises(ConfigError, match="prompts=-1"):
        Samples("x", prompts=-1)


def test_sheets_hold_what_they_are_given():
    red, blue = (np.broadcast_to(np.uint8(c), (8, 8, 3)) for c in ([255, 0, 0], [0, 0, 255]))
    sheet = np.asarray(
        faces_sheet([Drawn("one", red, np.stack([blue] * 3)), Drawn("two " * 60, blue, np.stack([red] * 3))], 4)
    )
    assert (sheet == [255, 0, 0]).all(2).sum() == 4 * 32 * 32
    assert (sheet == [0, 0, 255]).all(2).sum() == 4 * 32 * 32
    answers = np.asarray(answers_sheet([SampleAnswer(red, "who?", "", "she", "say!", "łong")], 4))
    assert (answers == [255, 0, 0]).all(2).sum() == 32 * 32
    assert answers.shape[0] > 5 * 18
    columns, rows = as_table([SampleAnswer(red, "a|b", "c", "d", "say!", "so")])
    assert len(columns) == 4
    assert rows == [[0, "a|b", "c", "d"], [0, "say!", "so", ""]]
    assert "a\\|b" in markdown_table(columns, rows)
