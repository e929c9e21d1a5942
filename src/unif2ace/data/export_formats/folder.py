"""Exports a folder of pictures with ``metadata.jsonl``, the ImageFolder format of the package `datasets`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from unif2ace.data.export_formats.base import ExportFormat, all_captions, told
from unif2ace.data.shards import Sample


class FolderFormat(ExportFormat):
    """``SPLIT/KEY.jpg`` and ``SPLIT/metadata.jsonl``, with one column for each attribute."""

    name = "folder"

    def write(self, samples: Iterator[Sample], out: Path, split: str) -> None:
        """See the base class."""
        (out / split).mkdir(parents=True, exist_ok=True)
        with (out / split / "metadata.jsonl").open("w", encoding="utf-8") as table:
            for sample in samples:
                file = f"{sample.key}.{sample.extension}"
                (out / split / file).write_bytes(sample.image)
                row = {
                    "file_name": file,
                    "captions": all_captions(sample),
                    "questions": [question._asdict() for question in sample.metadata.qa],
                    **(origin := told(sample)),
                    "provenance": json.dumps(origin["provenance"], ensure_ascii=False),
                    **sample.metadata.record.to_json(),
                }
                table.write(json.dumps(row, ensure_ascii=False) + "\n")

    def read_back(self, out: Path, split: str) -> str:
        """See the base class."""
        columns = "source.caption_column=captions source.questions_column=questions source.identity_column=identity"
        more = "source.license_column=license source.provenance_column=provenance source.identity_prefix=''"
        where = f"source.path={out / split} source.license=unknown source.image_column=file_name"
        return f"unif2ace-data import folder {where} {columns} {more}"
