"""Exports conversations in LLaVA's JSON format, as read by LLaVA's training code and LLaMA-Factory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from unif2ace.data.export_formats.base import ExportFormat, all_captions, told
from unif2ace.data.shards import Sample
from unif2ace.data.sources.questions import CAPTION

PROMPT: Final = "Describe the face in this image."
FURTHER: Final = "Describe the face in other words."


class ConversationsFormat(ExportFormat):
    """``SPLIT.json`` and ``images/SPLIT/KEY.jpg``. The turns of a picture are its captions, then its questions.

    Data without an entry in LLaVA's format (attributes, identity, license, question kinds) is written to additional
    entries, which other readers ignore.
    """

    name = "conversations"

    @property
    def data_files(self) -> str:
        """See the base class."""
        return "{split}.json"

    def write(self, samples: Iterator[Sample], out: Path, split: str) -> None:
        """See the base class."""
        (out / "images" / split).mkdir(parents=True, exist_ok=True)
        with (out / f"{split}.json").open("w", encoding="utf-8") as file:
            for number, sample in enumerate(samples):
                image = f"images/{split}/{sample.key}.{sample.extension}"
                (out / image).write_bytes(sample.image)
                row = {
                    "id": sample.key,
                    "image": image,
                    "conversations": _turns(sample),
                    "attributes": {n: v for n, v in sample.metadata.record.to_json().items() if v is not None},
                    **told(sample),
                }
                file.write(("[\n" if number == 0 else ",\n") + json.dumps(row, ensure_ascii=False))
            file.write("\n]\n")

    def read_back(self, out: Path, split: str) -> str:
        """See the base class."""
        return f"unif2ace-data import conversations source.path={out / f'{split}.json'}"


def _turns(sample: Sample) -> list[dict[str, Any]]:
    asked: list[tuple[dict[str, Any], str]] = []
    for number, caption in enumerate(all_captions(sample)):
        asked.append(({"value": FURTHER if number else PROMPT, "kind": CAPTION}, caption))
    for one in sample.metadata.qa:
        asked.append(({"value": one.question, "kind": one.kind, "attribute": one.attribute}, one.answer))
    turns = [
        turn for question, answer in asked for turn in ({"from": "human", **question}, {"from": "gpt", "value": answer})
    ]
    if turns:
        turns[0]["value"] = f"<image>\n{turns[0]['value']}"
    return turns
