"""The evaluation set of a question file: pictures with the questions of a benchmark, and no captions."""

from __future__ import annotations

import random
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from unif2ace.errors import ConfigError, DataError
from unif2ace.evaluation.eval_set import EvalSet

if TYPE_CHECKING:
    from unif2ace.data.question_files.base import QuestionFile


def question_set(file: QuestionFile, size: int, most: int, seed: int = 0) -> EvalSet:
    """Chooses random questions about one picture each. Questions about several pictures are skipped and counted.

    Args:
        file: The question file.
        size: Side in pixels that pictures are resized to.
        most: Maximum number of questions.
        seed: Seed of the choice.

    Raises:
        ConfigError: If `most` is below 1.
        DataError: If no question is about one picture, or a picture cannot be read.
    """
    import torch

    from unif2ace.data.images import read_picture

    if most < 1:
        raise ConfigError(f"scores.num_questions={most}: it must be 1 or more for a question file")
    single = [item for item in file.items if item.single_image]
    if not single:
        raise DataError(f"{file.path}: no question of {len(file.items)} is about one picture; give another file")
    chosen = single if len(single) <= most else random.Random(f"questions/{seed}").sample(single, most)
    keys = {path: picture_key(path) for path in dict.fromkeys(item.images[0] for item in chosen)}
    pictures = [torch.from_numpy(read_picture(path, size).pixels).permute(2, 0, 1) for path in keys]
    place = {path: number for number, path in enumerate(keys)}
    count = len(keys)
    return EvalSet(
        images=torch.stack(pictures),
        captions=("",) * count,
        records=(),
        true=torch.zeros(count, 0, dtype=torch.int8),
        questions=(),
        unscored=len(file.items) - len(single),
        keys=tuple(keys.values()),
        split=str(file.name),
        items=tuple((place[item.images[0]], item) for item in chosen),
    )


def picture_key(path: Path) -> str:
    """Key of a picture: its file name and a hash of its folder's name, because file names may repeat across folders."""
    return f"{path.stem}-{sha256(path.parent.name.encode()).hexdigest()[:6]}"
