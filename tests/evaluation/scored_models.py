"""A data set whose pictures carry their labels, an evaluator of them, and models that know all, some or nothing."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.data.shards import Metadata, Sample, ShardReader, ShardWriter
from unif2ace.evaluation.evaluator import Evaluator
from unif2ace.language import ask_questions, write_caption
from unif2ace.language.grammar import sentence
from unif2ace.language.phrases import CHOICES, COUNTED, YES_NO
from unif2ace.language.question import Question
from unif2ace.language.question_frames import plain, subject, yes_no_forms
from unif2ace.synthetic import sample_face

SIDE = 16
LABELS = len(TAXONOMY.labels)
NUMBERS = ("None", "One", "Two", "Three", "Four", "Five", "Six")


def write_faces(folder: Path, count: int) -> Path:
    """A split of pictures whose first pixels are their labels."""
    with ShardWriter(folder) as writer:
        for number in range(count):
            record = sample_face(number).record
            pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            pixels.reshape(-1, 3)[:LABELS] = 255 * np.array([bool(v) for v in record.labels.values()])[:, None]
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            qa = tuple(ask_questions(record, number, 10))
            caption = write_caption(record, number)
            metadata = Metadata("drawn", "CC0-1.0", caption=caption, attributes=record, qa=qa)
            writer.write(Sample(f"face-{number:04}", file.getvalue(), "png", metadata))
    return folder


class ReadingClassifier:
    """Reads a picture's labels, and errs in one of ten."""

    def probabilities(self, images: Tensor) -> Tensor:
        labels = (images.flatten(2)[:, 0, :LABELS] > 127).float()
        wrong = (images.flatten(2)[:, 1, LABELS : 2 * LABELS] < 26).float()
        return (labels - wrong).abs()

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, ::7].float()


EVALUATOR = Evaluator(ReadingClassifier(), "f" * 64)


class Knower:
    """A model that looks up the truth, in a share of cases, and otherwise that of another face."""

    def __init__(self, folder: Path, knows: float = 1.0) -> None:
        reader = ShardReader(folder)
        self.samples = [reader.decoded(index) for index in range(len(reader))]
        self.images = torch.stack([torch.from_numpy(s.image).permute(2, 0, 1) for s in self.samples])
        self.by_caption = {s.metadata.caption: n for n, s in enumerate(self.samples)}
        self.by_image = {image.numpy().tobytes(): n for n, image in enumerate(self.images)}
        self.asked: dict[str, Question] = {q.question: q for s in self.samples for q in s.metadata.qa}
        self.knows, self.rng = knows, random.Random(0)

    def _known(self, number: int) -> int:
        return number if self.rng.random() < self.knows else self.rng.randrange(len(self.samples))

    def _of(self, images: Tensor) -> list[int]:
        return [self._known(self.by_image[image.contiguous().numpy().tobytes()]) for image in images]

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        assert len(prompts) == len(seeds)
        return torch.stack([self.images[self._known(self.by_caption[prompt])] for prompt in prompts])

    def caption(self, images: Tensor) -> list[str]:
        return [str(self.samples[number].metadata.caption) for number in self._of(images)]

    def ask(self, images: Tensor, questions: Sequence[str], *, max_new: int = 64) -> list[str]:
        pairs = zip(self._of(images), questions, strict=True)
        return [answer_of(self.samples[number].metadata.record, self._question(text)) for number, text in pairs]

    def _question(self, text: str) -> Question:
        return self.asked.get(text) or Question(text, "", "yes_no", attribute_by_wording()[_words(text)])

    def reconstruct(self, images: Tensor) -> Tensor:
        return images


@cache
def attribute_by_wording() -> dict[str, str]:
    """The label or field that a yes/no question asks about, by its words."""
    rng = random.Random(0)
    people = ({}, {"gender": "man"}, {"gender": "woman"})
    drawn = [subject(who, rng, neutral=False) for who in people for _ in range(100)]
    voices = {tuple(sorted(voice.items())): voice for voice in drawn}.values()
    found = {_words(plain(name)): name for name in YES_NO}
    for name in YES_NO:
        for form in yes_no_forms(name, broad=True):
            found |= {_words(sentence(form.text.format_map(voice))): name for voice in voices}
    return found


def _words(text: str) -> str:
    return text.lower().rstrip("?.")


class Constant(Knower):
    """Always the average face, the same caption, the same answer."""

    def __init__(self, folder: Path, answer: str = "Yes.") -> None:
        super().__init__(folder)
        self.answer = answer

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        return self.images.float().mean(0).to(torch.uint8).expand(len(prompts), -1, -1, -1)

    def caption(self, images: Tensor) -> list[str]:
        return ["A young woman with long brown hair smiles. She is glorping."] * len(images)

    def ask(self, images: Tensor, questions: Sequence[str], *, max_new: int = 64) -> list[str]:
        return [self.answer] * len(questions)


def answer_of(record: AttributeRecord, question: Question) -> str:
    """The true answer for a face, in other words than the grammar's."""
    name = str(question.attribute)
    if question.kind == "yes_no":
        return "yes" if (record.labels[name] if name in TAXONOMY.labels else record[name]) else "no"
    if question.kind == "count":
        asked = [i for i in COUNTED[name].items if i in question.question or ":" not in question.question]
        return NUMBERS[sum(any(record[field] for field in COUNTED[name].items[item]) for item in asked)]
    if question.kind in ("what", "which"):
        return CHOICES[name].names.get(str(record[name]), "It cannot be seen")
    return question.answer
