"""Exports an evaluation set as plain files, for systems outside this package."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.data.atomic import replacing
from unif2ace.evaluation.making import save_picture
from unif2ace.evaluation.outputs import Need, asked

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet

NEEDS: tuple[Need, ...] = ("answers", "unseen", "paraphrases", "items")


def export(eval_set: EvalSet, folder: Path) -> None:
    """Writes ``prompts.jsonl``, ``questions.jsonl`` and ``pictures/KEY.png``.

    The system writes the files that `unif2ace.evaluation.outputs` lists. Each question is also asked about another
    face: the accuracy of these answers is a floor. True answers are not exported.

    Args:
        eval_set: The evaluation set.
        folder: Output folder.
    """
    prompts = zip(eval_set.keys, eval_set.prompts, strict=True)
    _write(folder / "prompts.jsonl", ({"key": key, "prompt": prompt} for key, prompt in prompts))
    questions = dict.fromkeys((key, question) for need in NEEDS for key, question, _ in asked(need, eval_set))
    _write(folder / "questions.jsonl", ({"key": key, "question": question} for key, question in questions))
    for key, picture in zip(eval_set.keys, eval_set.images, strict=True):
        save_picture(picture, folder / "pictures" / f"{key}.png")


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
