"""The shared DataModule: exact resume, equal ranks, mixtures by weight, rows that depend on nothing but their place."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from ranks import run_ranks

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.data.batch_order import EvaluationOrder, TrainOrder
from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.dataset_mixture import DatasetMixture
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import DecodedSample, Metadata, Sample, ShardWriter, encode_jpeg
from unif2ace.data.tasks.image import ImageTask
from unif2ace.data.tasks.text_to_image import TextToImageTask
from unif2ace.data.tasks.understanding import INSTRUCTIONS, UnderstandingTask
from unif2ace.data.text_tokenizer import TextTokenizer, train_text_tokenizer
from unif2ace.errors import ConfigError, DataError
from unif2ace.language import ask_questions, write_caption
from unif2ace.language.question import Question
from unif2ace.types import Batch, Task

NUM_TRAIN, NUM_VAL, SIZE = 50, 11, 16


def _sample(number: int, name: str) -> Sample:
    draw = np.random.default_rng(number)
    record = AttributeRecord(
        gender="woman", smile=bool(number % 2), hat=number % 3 == 0, hair_colour="brown", bald=False
    )
    questions = tuple(Question(q.question, q.answer, q.kind, q.attribute) for q in ask_questions(record, number, 6))
    captions = [write_caption(record, number, style) for style in ("dense", "short")]
    metadata = Metadata(name, "CC0-1.0", captions[0], tuple(captions[1:]), record, questions)
    image = draw.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return Sample(f"{name}-{number:04d}", encode_jpeg(image), "jpg", metadata)


def write_folder(folder: Path, name: str, train: int = NUM_TRAIN, val: int = NUM_VAL) -> Path:
    texts = []
    for split, numbers in {"train": range(train), "val": range(1000, 1000 + val)}.items():
        with ShardWriter(folder / split, 8) as writer:
            for number in numbers:
                sample = _sample(number, name)
                texts += [sample.metadata.caption, *(q.answer for q in sample.metadata.qa)]
                writer.write(sample)
    train_text_tokenizer(texts, folder, 400)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("faces"), "a")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("other"), "b", train=20)


def _data(folder: Path, **kwargs) -> FaceDataModule:
    tasks = kwargs.pop("tasks", None) or {"t2i": TextToImageTask(batch_size=4), "mmu": UnderstandingTask(batch_size=6)}
    return FaceDataModule({"a": ShardDataset(folder)}, tasks, **kwargs)


def _fingerprint(batch: Batch) -> tuple:
    values = (getattr(batch, f.name) for f in dataclasses.fields(batch))
    return tuple(v.numpy().tobytes() if isinstance(v, torch.Tensor) else v for v in values)


def test_a_batch_holds_each_tasks_rows_with_their_text(folder: Path):
    data = _data(folder)
    batch = next(iter(data.train_dataloader()))
    assert batch.task.tolist() == [Task.TEXT_TO_IMAGE] * 4 + [Task.UNDERSTANDING] * 6
    assert batch.image.shape == (10, 3, SIZE, SIZE)
    assert batch.image.dtype == torch.uint8
    assert batch.attributes.shape == (10, len(TAXONOMY.labels) + len(TAXONOMY.details))
    assert set(batch.attributes.unique().tolist()) <= {-1, 0, 1}
    tokenizer = data.text_tokenizer
    assert batch.text_segment is None  # one question each
    for row in range(10):
        length = int(batch.text_length[row])
        text, loss = batch.text[row], batch.text_loss[row]
        if batch.task[row] == Task.UNDERSTANDING:
            ((question, answer),) = _turns(batch, row, tokenizer)
            assert question
            assert answer
            assert loss[:length].tolist() == [False] * (len(question) + 2) + [True] * (len(answer) + 1)
        else:
            assert tokenizer.decode(text[:length].tolist())
            assert not (text[:length] == tokenizer.eos_id).any()
            assert not loss[:length].any()
        assert (text[length:] == tokenizer.pad_id).all()
        assert not loss[length:].any()


def _turns(batch: Batch, row: int, tokenizer: TextTokenizer) -> list[tuple[list[int], list[int]]]:
    """Ids of each question and of its answer; eos stands before, between and behind all of them."""
    ids = batch.text[row, : batch.text_length[row]].tolist()
    assert ids[0] == ids[-1] == tokenizer.eos_id
    parts = [[]]
    for i in ids[1:-1]:
        parts[-1].append(i) if i != tokenizer.eos_id else parts.append([])
    return [*zip(parts[::2], parts[1::2], strict=True)]


def test_a_row_may_ask_several_questions(folder: Path):
    data = _data(folder, tasks={"mmu": UnderstandingTask(batch_size=6, caption_prob=0, max_turns=3)})
    batch, tokenizer = next(iter(data.train_dataloader())), data.text_tokenizer
    for row, key in enumerate(batch.keys):
        known = {q.question: q.answer for q in _sample(int(key.split("-")[1]), "a").metadata.qa}
        turns = _turns(batch, row, tokenizer)
        asked, said = ([tokenizer.decode(part) for part in parts] for parts in zip(*turns, strict=True))
        assert len(asked) == min(3, len(known))
        assert len(set(asked)) == len(asked)
        assert [known[q] for q in asked] == said
        # what ends an answer must be predicted, what ends a question need not; it begins the next segment
        loss, segment = [False], [0]
        for number, (question, answer) in enumerate(turns):
            loss += [*[False] * (len(question) + 1), *[True] * (len(answer) + 1)]
            segment += [*[number] * (len(question) + 1 + len(answer)), min(number + 1, len(turns) - 1)]
        length = int(batch.text_length[row])
        assert batch.text_loss[row].tolist() == loss + [False] * (batch.text.shape[1] - length)
        assert batch.text_segment[row, :length].tolist() == segment


def test_captions_are_turns_beside_questions_and_none_is_cut(folder: Path):
    data = _data(
        folder, tasks={"mmu": UnderstandingTask(batch_size=30, caption_prob=0.4, max_turns=6)}, max_text_tokens=96
    )
    batch, tokenizer = next(iter(data.train_dataloader())), data.text_tokenizer
    assert tokenizer is not None
    asks = {one for ways in INSTRUCTIONS.values() for one in ways}
    kinds, numbers = set(), set()
    for row, key in enumerate(batch.keys):
        known = _sample(int(key.split("-")[1]), "a").metadata
        said = [tuple(map(tokenizer.decode, turn)) for turn in _turns(batch, row, tokenizer)]
        answers = {q.question: q.answer for q in known.qa}
        assert all(answer == answers[q] if q in answers else q in asks for q, answer in said)
        assert all(c in (known.caption, *known.captions) for q, c in said if q in asks)
        assert batch.text_length[row] <= 96
        order = [q in asks for q, _ in said]
        assert order == sorted(order, reverse=True)  # behind questions there is hardly ever room for a long caption
        kinds.add(sum(order))
        numbers.add(len(said))
    assert {0, 1} <= kinds
    assert max(numbers) > 2


def test_captions_come_in_order_with_their_pictures_whatever_the_tasks(folder: Path):
    data = FaceDataModule({"a": ShardDataset(folder)}, {"u": UnderstandingTask(4)}, inputs="pixels")
    batches = list(data.captions(9))
    assert [key for batch in batches for key in batch.keys] == [f"a-{n:04d}" for n in range(9)]
    for batch in batches:
        assert batch.image is not None
        assert batch.image.shape[1:] == (3, SIZE, SIZE)
        assert (batch.task == Task.TEXT_TO_IMAGE).all()
        assert batch.text_length is not None
        assert (batch.text_length > 5).all()
    assert sum(len(batch) for batch in data.captions(10**6)) == NUM_TRAIN


def test_labels_are_those_of_the_record(folder: Path):
    batch = next(iter(_data(folder, tasks={"image": ImageTask(batch_size=8, flip=0)}).train_dataloader()))
    names = list(TAXONOMY.labels)
    for row, key in enumerate(batch.keys):
        record = _sample(int(key.split("-")[1]), "a").metadata.record
        expected = [-1 if record.labels[n] is None else int(record.labels[n]) for n in names]
        values = [record[detail.field] for detail in TAXONOMY.details.values()]
        truth = zip(values, TAXONOMY.details.values(), strict=True)
        expected += [-1 if value is None else int(value == detail.value) for value, detail in truth]
        assert batch.attributes[row].tolist() == expected


def test_a_mirrored_picture_turns_the_other_way():
    record = AttributeRecord(head_turn="left", head_tilt="upright", gaze_direction="up", smile=True)
    sample = DecodedSample(0, "a", np.zeros((SIZE, SIZE, 3), np.uint8), Metadata("a", "CC0-1.0", "", (), record, ()))
    names = [*TAXONOMY.labels, *TAXONOMY.details]
    seen = [ImageTask(flip=flip)(sample, random.Random(0)).attributes.tolist() for flip in (0, 1)]
    changed = {name for name, before, after in zip(names, *seen, strict=True) if before != after}
    assert changed == {"head_turn_left", "head_turn_right"}


def test_a_pass_shows_every_sample_once_and_passes_differ(folder: Path):
    schedule = TrainOrder(DatasetMixture([NUM_TRAIN], [1], 0), {"a": 10}, 0, 1)
    passes = [[r.sample for step in range(5) for r in schedule.batch(epoch, step)] for epoch in range(2)]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(NUM_TRAIN))
    assert passes[0] != passes[1]
    assert passes[0] != list(range(NUM_TRAIN))


def test_nothing_is_dropped_where_rows_do_not_divide_the_samples():
    schedule = TrainOrder(DatasetMixture([50], [1], 3), {"a": 7}, 0, 1)
    stream = [r.sample for e in range(10) for s in range(len(schedule)) for r in schedule.batch(e, s)]
    for start in range(0, len(stream) - 50, 50):
        assert sorted(stream[start : start + 50]) == list(range(50))


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_ranks_are_disjoint_equal_and_complete_and_give_the_same_global_steps(world_size: int):
    rows = {"a": 12, "b": 24}
    alone = TrainOrder(DatasetMixture([48, 31], [2, 1], 5), rows, 0, 1)
    ranks = [TrainOrder(DatasetMixture([48, 31], [2, 1], 5), rows, rank, world_size) for rank in range(world_size)]
    for step in range(len(alone)):
        parts = [schedule.batch(2, step) for schedule in ranks]
        assert len({len(part) for part in parts}) == 1
        together = [row for part in parts for row in part]
        assert len(set(together)) == len(together)
        assert sorted(together) == sorted(alone.batch(2, step))


def test_evaluation_gives_every_sample_once_and_marks_what_fills_up():
    for world_size in (1, 2, 3):
        schedules = [EvaluationOrder([7, 4], {"a": 4, "b": 2}, rank, world_size) for rank in range(world_size)]
        assert len({len(s) for s in schedules}) == 1
        rows = [row for s in schedules for step in range(len(s)) for row in s.batch(0, step)]
        for task in (0, 1):
            seen = Counter((r.dataset, r.sample) for r in rows if r.valid and r.task == task)
            assert seen == {(d, i): 1 for d, n in enumerate((7, 4)) for i in range(n)}


def test_a_mixture_follows_its_weights_and_each_set_passes_whole():
    mixture = DatasetMixture([40, 10], [3, 1], 0)
    rows = [mixture.place(0, position) for position in range(4000)]
    assert Counter(r.dataset for r in rows) == {0: 3000, 1: 1000}
    for dataset, length in ((0, 40), (1, 10)):
        samples = [r.sample for r in rows if r.dataset == dataset]
        for start in range(0, len(samples) - length, length):
            assert sorted(samples[start : start + length]) == list(range(length))


def test_two_data_sets_are_mixed_in_one_batch(folder: Path, other: Path):
    datasets = {"a": ShardDataset(folder, weight=3), "b": ShardDataset(other, weight=1)}
    data = FaceDataModule(datasets, {"image": ImageTask(batch_size=8)})
    batch = next(iter(data.train_dataloader()))
    assert Counter(key[0] for key in batch.keys) == {"a": 6, "b": 2}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [1, 3])
def test_resume_in_the_middle_of_an_epoch_gives_the_same_rest(folder: Path, workers: int, stop: int):
    whole_loader = _data(folder, num_workers=workers).train_dataloader()
    whole = [[_fingerprint(b) for b in whole_loader] for _ in range(2)]
    first = _data(folder, num_workers=workers).train_dataloader()
    iterator = iter(first)
    before = [_fingerprint(next(iterator)) for _ in range(stop)]
    state = first.state_dict()
    resumed = _data(folder, num_workers=workers).train_dataloader()
    resumed.load_state_dict(state)
    rest = [_fingerprint(b) for b in resumed]
    assert before + rest == whole[0]
    assert [_fingerprint(b) for b in resumed] == whole[1], "the next epoch follows as well"
    assert whole[0] != whole[1]


def test_workers_change_nothing(folder: Path):
    rows = [[_fingerprint(b) for b in _data(folder, num_workers=n).train_dataloader()] for n in (0, 1, 2)]
    assert rows[0] == rows[1] == rows[2]


def test_a_saved_place_of_other_data_is_refused(folder: Path, other: Path):
    loader = _data(folder).train_dataloader()
    next(iter(loader))
    state = loader.state_dict()
    changed = _data(other).train_dataloader()
    with pytest.raises(ConfigError, match="the checkpoint has 8 steps per epoch, this run has 3"):
        changed.load_state_dict(state)


def test_a_faulty_sample_is_replaced_counted_and_marked(folder: Path, tmp_path: Path):
    with ShardWriter(tmp_path / "train", 50) as writer:
        for number in range(12):
            sample = _sample(number, "a")
            writer.write(dataclasses.replace(sample, image=b"\xff\xd8torn") if number == 4 else sample)
    data = FaceDataModule({"a": ShardDataset(tmp_path)}, {"image": ImageTask(batch_size=12)})
    batch = next(iter(data.train_dataloader()))
    assert batch.valid.sum() == 11
    assert "a-0004" not in batch.keys


def test_rows_that_do_not_divide_are_an_error_that_names_the_mend():
    with pytest.raises(
        ConfigError,
        match=r"task\.a\.batch_size=10 is no positive multiple of 4, .*set a multiple, such as 8",
    ):
        TrainOrder(DatasetMixture([9], [1], 0), {"a": 10}, 0, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nope", "the folder .*nope does not exist; .*`unif2ace-data build`"),
        (lambda p: p, "holds no shards"),
    ],
)
def test_a_wrong_folder_is_an_error_that_names_the_mend(make, message: str, tmp_path: Path):
    data = FaceDataModule({"a": ShardDataset(make(tmp_path))}, {"image": ImageTask()})
    with pytest.raises(DataError, match=message):
        data.train_dataloader()


def test_a_batch_larger_than_the_data_is_said(folder: Path, caplog: pytest.LogCaptureFixture):
    data = _data(folder, tasks={"text_to_image": TextToImageTask(batch_size=NUM_TRAIN)})
    with caplog.at_level("WARNING"):
        data.train_dataloader()
        assert not caplog.records
        _data(folder, tasks={"text_to_image": TextToImageTask(batch_size=4 * NUM_TRAIN)}).train_dataloader()
    assert f"task.text_to_image.batch_size={4 * NUM_TRAIN}" in caplog.text
    assert f"({NUM_TRAIN} samples): each step repeats samples, 4 times on average" in caplog.text


@pytest.mark.parametrize("key", ["steps_per_epoch", "max_eval_samples"])
def test_zero_samples_or_steps_are_not_all_of_them(folder: Path, key: str):
    with pytest.raises(ConfigError, match=rf"data.{key}=0: it must be 1 or more, or null"):
        _data(folder, **{key: 0})


def test_nothing_selected_is_an_error(folder: Path):
    with pytest.raises(ConfigError, match="dataset=synthetic"):
        FaceDataModule({}, {"image": ImageTask()})
    with pytest.raises(ConfigError, match="task="):
        FaceDataModule({"a": ShardDataset(folder)}, {})


class _Recorder(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 1)
        self.seen: list[tuple] = []

    def training_step(self, batch: Batch, batch_idx: int):
        self.seen.append(_fingerprint(batch))
        return self.layer(batch.image.float().mean((2, 3))).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-4)


def _trainer(folder: Path, steps: int, *callbacks: pl.Callback) -> pl.Trainer:
    return pl.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, callbacks=list(callbacks), default_root_dir=folder,
        enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False, limit_val_batches=0,
    )  # fmt: skip


@pytest.mark.parametrize("stop", [3, 8, 11])
def test_the_trainer_resumes_at_the_very_next_row(folder: Path, tmp_path: Path, stop: int):
    """In the middle of an epoch, at its end (8 steps), and in the second one."""
    whole = _Recorder()
    _trainer(tmp_path, 18).fit(whole, datamodule=_data(folder))
    first = _Recorder()
    checkpoint = pl.callbacks.ModelCheckpoint(
        dirpath=tmp_path, every_n_train_steps=stop, filename="place", save_top_k=-1
    )
    _trainer(tmp_path, stop, checkpoint).fit(first, datamodule=_data(folder))
    resumed = _Recorder()
    _trainer(tmp_path, 18).fit(resumed, datamodule=_data(folder), ckpt_path=tmp_path / "place.ckpt", weights_only=True)
    assert first.seen + resumed.seen == whole.seen
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


RANKS = """
import sys, torch, lightning.pytorch as pl
from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.tasks.image import ImageTask

folder, out = sys.argv[1:]


class Recorder(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)
        self.seen, self.checked = [], []

    def training_step(self, batch, _):
        self.seen += list(batch.keys)
        return self.layer(batch.image.float().mean((2, 3))).mean()

    def validation_step(self, batch, _):
        self.checked += [key for key, valid in zip(batch.keys, batch.valid.tolist()) if valid]

    def on_fit_end(self):
        torch.save([self.seen, self.checked], f"{out}/rank{self.global_rank}.pt")

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-4)


data = FaceDataModule({"a": ShardDataset(folder)}, {"image": ImageTask(batch_size=10)})
quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
trainer = pl.Trainer(max_epochs=1, accelerator="cpu", devices=2, strategy="ddp", num_sanity_val_steps=0,
                     use_distributed_sampler=False, default_root_dir=out, **quiet)
trainer.fit(Recorder(), datamodule=data)
"""


def test_two_processes_of_the_trainer_share_an_epoch(folder: Path, tmp_path: Path):
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    run_ranks(script, str(folder), str(tmp_path))
    (seen, checked), (other_seen, other_checked) = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    assert len(seen) == len(other_seen) == NUM_TRAIN // 2
    assert not set(seen) & set(other_seen)
    assert sorted(seen + other_seen) == [f"a-{n:04d}" for n in range(NUM_TRAIN)]
    assert sorted(checked + other_checked) == [f"a-{n:04d}" for n in range(1000, 1000 + NUM_VAL)]


def test_one_process_builds_for_all_unless_each_machine_has_its_own_disk(folder: Path, tmp_path: Path):
    several, one = SimpleNamespace(num_nodes=2), SimpleNamespace(num_nodes=1)
    shared, own, there = _data(tmp_path / "no"), _data(tmp_path / "no", prepare_per_node=True), _data(folder)
    assert [data.prepare_data_per_node for data in (shared, own)] == [False, True]
    shared.trainer = several
    with pytest.raises(ConfigError, match=r"'a': the folder .*/no does not exist .*; set data\.prepare_per_node=true"):
        shared.setup("fit")
    for data, trainer in ((shared, one), (own, several), (there, several)):
        data.trainer = trainer
        data.setup("fit")


@pytest.mark.parametrize(
    ("attributes", "known"),
    [({}, False), ({"smile": None}, False), ({"smile": False}, True), ({"clothing_colour": "red"}, True)],
)
def test_data_says_whether_it_has_labels(tmp_path: Path, attributes: dict, known: bool):
    with ShardWriter(tmp_path / "train") as writer:
        metadata = Metadata("x", "CC0-1.0", attributes=attributes)
        writer.write(Sample("a", encode_jpeg(np.zeros((SIZE, SIZE, 3), np.uint8)), "jpg", metadata))
    data = FaceDataModule({"x": ShardDataset(tmp_path)}, {"image": ImageTask()})
    assert data.has_labels() is known
