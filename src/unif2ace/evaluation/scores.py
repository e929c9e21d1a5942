"""Scores of a unified model on a validation split: faces from captions, answers, and captions of faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.errors import ConfigError
from unif2ace.evaluation.eval_set import EvalSet, gather, open_split, others
from unif2ace.evaluation.paraphrases import MAX_NEW, paraphrased
from unif2ace.evaluation.unified_scores import ScoredAnswer, ScoreOptions, UnifiedScores
from unif2ace.evaluation.values import describe, name_values
from unif2ace.language.reading import ParsedCaption, holds, read_text
from unif2ace.language.replies import Reply, options, read_answer
from unif2ace.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.data.shards import ShardReader
    from unif2ace.evaluation.evaluator import Evaluator

Made = TypeVar("Made")


class Scored(Protocol):
    """Interface of a model that can be scored; images are uint8 (B, 3, H, W)."""

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Faces from captions, uint8 (B, 3, H, W); the same prompt and seed give the same face."""

    def caption(self, images: Tensor) -> list[str]:
        """A caption for each image, uint8 (B, 3, H, W)."""

    def ask(self, images: Tensor, questions: Sequence[str], *, max_new: int = 64) -> list[str]:
        """An answer of at most `max_new` tokens to a question about each image, uint8 (B, 3, H, W)."""

    def reconstruct(self, images: Tensor) -> Tensor:
        """The tokenizer's reconstruction of each image, uint8 (B, 3, H, W)."""


def score(
    model: Scored, evaluator: Evaluator, data: str | Path | Sequence[ShardReader], how: ScoreOptions | None = None
) -> UnifiedScores:
    """Scores a model.

    Args:
        model: The model; the same model and options give the same values.
        evaluator: Predicts the labels of generated faces.
        data: A data set's folder, whose ``val`` split is read, or readers of a split.
        how: Size of the evaluation.

    Raises:
        ConfigError: If an option is out of range, or the images have another size than the model's `image_size`.
        DataError: If the split cannot be read, has no captions, or its images differ in size.
    """
    how = how or ScoreOptions()
    readers = open_split(data) if isinstance(data, str | Path) else list(data)
    _check_size(readers, getattr(model, "image_size", None))
    eval_set = gather(readers, how.samples, how.num_questions, how.caption, how.seed)
    found = _generate(model, evaluator, eval_set, how)
    _ask(model, found)
    _paraphrase(model, found)
    _caption(model, found)
    found.values = name_values(found)
    found.described = describe(found)
    return found


def _check_size(readers: Sequence[ShardReader], size: int | None) -> None:
    """Compares the size of the images with the model's before anything is generated."""
    from unif2ace.data.image_sizes import common_size

    found = common_size((str(reader.folder), reader) for reader in readers)
    if found and size and found != (size, size):
        raise ConfigError(
            f"{readers[0].folder} has pictures of {found[0]}x{found[1]} pixels, the model takes {size}x{size}: select "
            f"a data set that was imported with source.size={size}"
        )


def _generate(model: Scored, evaluator: Evaluator, eval_set: EvalSet, how: ScoreOptions) -> UnifiedScores:
    """Generates faces, and scores their labels with the evaluator."""
    import torch

    from unif2ace.metrics.scores import attribute_agreement, diversity

    count = len(eval_set)
    diverse, seeds = min(how.diverse, count), how.seeds
    first = how.seed * seeds * count  # all faces have different seeds
    again = [(number, first + number + k * count) for number in range(diverse) for k in range(1, seeds)]
    todo = [*((number, first + number) for number in range(count)), *again]

    def generate(rows: slice) -> Tensor:
        return model.generate([eval_set.captions[n] for n, _ in todo[rows]], [seed for _, seed in todo[rows]])

    made = torch.cat(_batched("faces from captions", len(todo), how.batch_size, generate))
    back = torch.cat(
        _batched("reconstructions", count, how.batch_size, lambda r: model.reconstruct(eval_set.images[r]))
    )
    seen, features = evaluator.sees(made)
    several = torch.cat([torch.arange(diverse)[:, None], torch.arange(count, len(todo)).view(diverse, -1)], 1)
    stated = _labels([read_text(caption) for caption in eval_set.captions])
    agreement = attribute_agreement(
        stated,
        seen[:count],
        evaluator.sees(eval_set.images)[0],
        evaluator.sees(back)[0],
        at_least=how.at_least,
        resamples=how.resamples,
        seed=how.seed,
    )
    return UnifiedScores(
        eval_set,
        how,
        evaluator.fingerprint[:SHOWN],
        generated=made[:count],
        diverse=made[several],
        reconstructed=back,
        stated=stated,
        seen=seen[:count],
        agreement=agreement,
        pixels=diversity(made[several].flatten(2).float() / 255),
        features=diversity(features[several]),
    )


def _ask(model: Scored, found: UnifiedScores) -> None:
    """Asks each question about its own face and about another face."""
    from unif2ace.metrics.scores import answer_scores
    from unif2ace.metrics.scores.answers import Asked

    eval_set, how = found.eval_set, found.options
    asked, texts = eval_set.questions, [q.question for _, q in eval_set.questions]
    other = others(len(eval_set), how.seed)

    def ask(faces: Sequence[int]) -> Callable[[slice], list[str]]:
        return lambda rows: model.ask(eval_set.images[list(faces[rows])], texts[rows])

    own, elsewhere = (
        [text for texts in _batched(what, len(asked), how.batch_size, ask(faces)) for text in texts]
        for what, faces in (
            ("questions", [number for number, _ in asked]),
            ("questions about other faces", [other[number] for number, _ in asked]),
        )
    )
    rows: list[Asked] = []
    answered: list[ScoredAnswer] = []
    for (number, question), said, unseen in zip(asked, own, elsewhere, strict=True):
        truth: Reply = read_answer(question, question.answer)
        if truth.value is None:
            continue  # the true answer cannot be parsed
        right = read_answer(question, said).agrees(truth)
        blind = read_answer(question, unseen).agrees(truth)
        chance = 1 / len(offered) if (offered := options(question)) else 0.0
        rows.append(Asked(number, question.kind, str(question.attribute), truth.value, right, blind, chance))
        answered.append(ScoredAnswer(number, question, said, right))
    found.answered = tuple(answered)
    found.answers = answer_scores(rows, resamples=how.resamples, seed=how.seed)


def _paraphrase(model: Scored, found: UnifiedScores) -> None:
    """Asks yes/no questions in other words, and in the plainest ones about the same faces."""
    from unif2ace.metrics.scores import paraphrase_scores

    eval_set, how = found.eval_set, found.options
    todo = paraphrased(eval_set.records, how.num_paraphrases, how.seed)
    asked = list(dict.fromkeys((one.sample, text) for one in todo for text in (one.plain, one.text)))

    def ask(rows: slice) -> list[str]:
        faces, texts = zip(*asked[rows], strict=True)
        return model.ask(eval_set.images[list(faces)], texts, max_new=MAX_NEW)

    said = [text for texts in _batched("paraphrases", len(asked), how.batch_size, ask) for text in texts]
    answers = dict(zip(asked, said, strict=True))
    verdicts = [one.verdict(answers[one.sample, one.plain], answers[one.sample, one.text]) for one in todo]
    found.paraphrases = paraphrase_scores(verdicts, resamples=how.resamples, seed=how.seed)


def _caption(model: Scored, found: UnifiedScores) -> None:
    """Captions the true faces, and scores the statements."""
    from unif2ace.metrics.scores import caption_scores

    eval_set, how = found.eval_set, found.options
    made = _batched("captions", len(eval_set), how.batch_size, lambda rows: model.caption(eval_set.images[rows]))
    found.captions = tuple(text for texts in made for text in texts)
    found.readings = tuple(map(read_text, found.captions))
    found.false = tuple(
        tuple(said for said in reading.statements if holds(said, record) is False)
        for reading, record in zip(found.readings, eval_set.records, strict=True)
    )
    found.captioning = caption_scores(
        _labels(found.readings) == 1, found.stated == 1, eval_set.true, resamples=how.resamples, seed=how.seed
    )


def _labels(readings: Sequence[ParsedCaption]) -> Tensor:
    """The labels that captions state or deny, int8 (S, A); for a contradiction, the first statement counts."""
    import numpy as np
    import torch

    from unif2ace.data.tasks.base import attribute_labels

    return torch.from_numpy(np.stack([attribute_labels(reading.values) for reading in readings]))


def _batched(what: str, count: int, size: int, work: Callable[[slice], Made]) -> list[Made]:
    """Runs the work on each batch of samples, and shows progress."""
    made: list[Made] = []
    with progress(what) as advance:
        for start in range(0, count, size):
            made.append(work(slice(start, min(start + size, count))))
            advance(min(start + size, count), count, what)
    return made
